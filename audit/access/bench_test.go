//go:build unix

package access

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// crowd is a host with many accounts, each with a key, and 20 Match blocks.
func crowd(n int) host {
	var passwd, shadow, group, conf strings.Builder
	files := map[string]file{}
	for i := range n {
		fmt.Fprintf(&passwd, "user%d:x:%d:%d::/home/user%d:/bin/bash\n", i, 1000+i, 1000+i, i)
		fmt.Fprintf(&shadow, "user%d:hash:yescrypt:20000:0:99999:7::\n", i)
		fmt.Fprintf(&group, "user%d:x:%d:\n", i, 1000+i)
		home, id := fmt.Sprintf("/home/user%d", i), int64(1000+i)
		files[home] = file{dir: true, uid: id, gid: id}
		files[home+"/.ssh"] = file{dir: true, uid: id, gid: id, mode: 0o700}
		files[home+"/.ssh/authorized_keys"] = file{text: edKey, uid: id, gid: id, mode: 0o600}
	}
	conf.WriteString("UsePAM yes\nPasswordAuthentication no\nAllowUsers user*@10.0.0.0/8 user1* user2*@192.0.2.0/24\n")
	for i := range 20 {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&conf, "Match User user%d,user%d\nPasswordAuthentication yes\n", i, i+100)
		case 1:
			fmt.Fprintf(&conf, "Match Address 10.%d.0.0/16\nKbdInteractiveAuthentication no\n", i)
		case 2:
			fmt.Fprintf(&conf, "Match Group user%d Address 172.16.%d.0/24\nMaxAuthTries 3\n", i, i)
		case 3:
			fmt.Fprintf(&conf, "Match User user%d*\nAuthenticationMethods publickey,password\n", i)
		}
	}
	return host{conf: conf.String(), passwd: passwd.String(), shadow: shadow.String(), group: group.String(), files: files}
}

// BenchmarkJudge: the aim for 300 accounts and 20 Match blocks is 10 ms of CPU
// time, and the cost grows with the accounts. cpu-ms/op counts what the garbage
// collector takes as well.
func BenchmarkJudge(b *testing.B) {
	for _, detail := range []bool{false, true} {
		for _, n := range []int{300, 600, 1200} {
			b.Run(fmt.Sprintf("detail=%t/accounts=%d", detail, n), func(b *testing.B) {
				in := crowd(n).input()
				in.Detail = detail
				b.ReportAllocs()
				before := cpu()
				for b.Loop() {
					if a, _ := Judge(in); len(a) < n {
						b.Fatal(len(a))
					}
				}
				b.ReportMetric(float64((cpu()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// cpu is the CPU time that this process has taken.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
