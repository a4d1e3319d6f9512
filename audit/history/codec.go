package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// What the index holds of facts is written by their types: fields in the order of
// their declaration, numbers as varints, strings and lists behind their length,
// maps by their sorted keys. Equal values give equal bytes, which JSON does too,
// and every byte of a host's string comes back, which JSON does not promise. The
// bytes do not describe themselves: [shape] tells whether they can be read.

// errCoded says that bytes are not of the type that they are read as.
var errCoded = errors.New("damaged record")

// maxItems bounds a list before its items are seen. No fact has as many: a
// snapshot is bounded by megabytes, and an item takes a byte at least.
const maxItems = 1 << 24

var (
	timeType = reflect.TypeFor[time.Time]()
	fieldsOf sync.Map // reflect.Type -> []int
)

// encode appends v. It panics for types that facts do not use (floats, pointers to
// structs in a circle), which a test finds.
func encode(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int64, reflect.Int32:
		return binary.AppendVarint(b, v.Int())
	case reflect.Uint64, reflect.Uint32:
		return binary.AppendUvarint(b, v.Uint())
	case reflect.Float64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Float()))
	case reflect.String:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		return append(b, v.String()...)
	case reflect.Slice:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		for i := range v.Len() {
			b = encode(b, v.Index(i))
		}
		return b
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		b = binary.AppendUvarint(b, uint64(len(keys)))
		for _, k := range keys {
			b = encode(encode(b, k), v.MapIndex(k))
		}
		return b
	case reflect.Struct:
		if v.Type() == timeType {
			t := v.Interface().(time.Time)
			if t.IsZero() {
				return binary.AppendVarint(b, math.MinInt64)
			}
			return binary.AppendVarint(b, t.UnixNano())
		}
		for _, i := range codedFields(v.Type()) {
			b = encode(b, v.Field(i))
		}
		return b
	}
	panic(fmt.Sprintf("history: %s cannot be kept in the index", v.Type()))
}

// decoder reads what encode wrote. After an error it gives zero values.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() { d.b, d.err = nil, errCoded }

func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) varint() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

// count reads a length; each of so many things takes a byte at least.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) || n > maxItems {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.count()
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if len(d.b) == 0 || d.b[0] > 1 {
			d.fail()
			return
		}
		v.SetBool(d.b[0] == 1)
		d.b = d.b[1:]
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(d.varint())
	case reflect.Uint64, reflect.Uint32:
		v.SetUint(d.uvarint())
	case reflect.Float64:
		if len(d.b) < 8 {
			d.fail()
			return
		}
		v.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(d.b)))
		d.b = d.b[8:]
	case reflect.String:
		v.SetString(d.text())
	case reflect.Slice:
		n := d.count()
		if n == 0 {
			return
		}
		// Grown as items come: a length alone must not take memory.
		v.Set(reflect.MakeSlice(v.Type(), 0, min(n, 1024)))
		for i := range n {
			if d.err != nil {
				return
			}
			v.Grow(1)
			v.SetLen(i + 1)
			d.value(v.Index(i))
		}
	case reflect.Map:
		n := d.count()
		if n == 0 {
			return
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), min(n, 1024)))
		for range n {
			if d.err != nil {
				return
			}
			key, item := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			d.value(key)
			d.value(item)
			v.SetMapIndex(key, item)
		}
	case reflect.Struct:
		if v.Type() == timeType {
			if n := d.varint(); n != math.MinInt64 {
				v.Set(reflect.ValueOf(time.Unix(0, n).UTC()))
			}
			return
		}
		for _, i := range codedFields(v.Type()) {
			d.value(v.Field(i))
		}
	default:
		d.fail()
	}
}

// marshal writes *v; unmarshal reads it, to the last byte.
func marshal[T any](v *T) []byte { return encode(nil, reflect.ValueOf(v).Elem()) }

func unmarshal[T any](b []byte, v *T) error {
	d := decoder{b: b}
	d.value(reflect.ValueOf(v).Elem())
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	return d.err
}

// codedFields are the fields that are kept: exported, and not left out of JSON.
func codedFields(t reflect.Type) []int {
	if kept, ok := fieldsOf.Load(t); ok {
		return kept.([]int)
	}
	var out []int
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
			out = append(out, i)
		}
	}
	kept, _ := fieldsOf.LoadOrStore(t, out)
	return kept.([]int)
}

// shape is a number that changes when a type, or one below it, does: another
// field, another name, another order.
func shape(types ...reflect.Type) uint64 {
	h := fnv.New64a()
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		fmt.Fprintf(h, "%s %s\n", t.Kind(), t)
		switch t.Kind() {
		case reflect.Slice:
			walk(t.Elem())
		case reflect.Map:
			walk(t.Key())
			walk(t.Elem())
		case reflect.Struct:
			if seen[t] || t == timeType {
				return
			}
			seen[t] = true
			for _, i := range codedFields(t) {
				fmt.Fprintf(h, ".%s ", t.Field(i).Name)
				walk(t.Field(i).Type)
			}
		}
	}
	for _, t := range types {
		walk(t)
	}
	return h.Sum64()
}
