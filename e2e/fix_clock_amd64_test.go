//go:build linux

package e2e_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
)

// wrongClock makes the wall clock of this process wrong from now on, and only
// this process's: Go asks the kernel's vDSO for the time, a page of code that each
// process may have its own copy of, and that copy is given another
// clock_gettime(2). The monotonic clock stays what it is, as on a laptop.
func wrongClock(by time.Duration) error {
	auxv, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return err
	}
	const sysinfoEHDR = 33 // AT_SYSINFO_EHDR, getauxval(3)
	var base int64
	for i := 0; i+16 <= len(auxv); i += 16 {
		if binary.LittleEndian.Uint64(auxv[i:]) == sysinfoEHDR {
			base = int64(binary.LittleEndian.Uint64(auxv[i+8:]))
		}
	}
	if base == 0 {
		return errors.New("the kernel gives no vDSO")
	}
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	image := make([]byte, 64<<10)
	n, err := mem.ReadAt(image, base) // ends where the mapping does
	if n == 0 {
		return err
	}
	file, err := elf.NewFile(bytes.NewReader(image[:n]))
	if err != nil {
		return err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return err
	}
	for _, s := range symbols {
		if s.Name != "__vdso_clock_gettime" {
			continue
		}
		code := []byte{
			0xb8, 0xe4, 0, 0, 0, // mov eax, 228: clock_gettime
			0x0f, 0x05, // syscall
			0x85, 0xff, // test edi, edi: CLOCK_REALTIME
			0x75, 0x0d, // jne to ret
			0x48, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0, // mov rcx, seconds
			0x48, 0x01, 0x0e, // add [rsi], rcx
			0xc3, // ret
		}
		binary.LittleEndian.PutUint64(code[13:], uint64(int64(by/time.Second)))
		if s.Size < uint64(len(code)) {
			return fmt.Errorf("clock_gettime has %d bytes in this kernel's vDSO: too few", s.Size)
		}
		_, err = mem.WriteAt(code, base+int64(s.Value))
		return err
	}
	return errors.New("no clock_gettime in this kernel's vDSO")
}
