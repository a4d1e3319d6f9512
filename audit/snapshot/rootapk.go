package snapshot

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // apk's own sums are SHA-1
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
)

// apkInstalled is where apk keeps what it installed: lines of a letter, a colon and a
// value, a paragraph a package (apk-installed(5)).
const apkInstalled = "/lib/apk/db/installed"

// apkEach tells of each file in apk's records; sum is Q1 and a SHA-1 in base64, Q2 and a
// SHA-256 of newer ones, or "".
func (r *deepRooted) apkEach(file func(pkg, file, sum string)) (whole bool) {
	c, err := r.t.read(apkInstalled, statusMost)
	if err != nil {
		r.fault(apkInstalled, err)
		return false
	}
	if len(c) >= statusMost {
		r.b.gap(apkInstalled, GapCap, "more than 64 MiB")
	}
	pkg, dir, name, sum := "", "", "", ""
	tell := func() {
		if name != "" {
			file(pkg, dir+"/"+name, sum)
		}
		name, sum = "", ""
	}
	for line := range bytes.Lines(c) {
		key, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), ":")
		switch key {
		case "":
			tell()
			pkg, dir = "", ""
		case "P":
			pkg = value
		case "F":
			tell()
			if dir = "/" + value; value == "" {
				dir = ""
			}
		case "R":
			tell()
			name = value
		case "Z":
			sum = value
		}
	}
	tell()
	return len(c) < statusMost
}

func (r *deepRooted) apkFiles(own func(pkg, file string)) (whole bool) {
	return r.apkEach(func(pkg, file, _ string) { own(pkg, file) })
}

// apkSums compares programs and libraries with apk's records, and says what differs in
// the form of apk audit.
func (r *deepRooted) apkSums() {
	var out strings.Builder
	full := false
	r.apkEach(func(_, file, sum string) {
		if full || r.ctx.Err() != nil || !sumLine.MatchString(strings.Repeat("0", 32)+"  "+strings.TrimPrefix(file, "/")) {
			return
		}
		var h hash.Hash
		switch {
		case strings.HasPrefix(sum, "Q1"):
			h = sha1.New() //nolint:gosec // as above
		case strings.HasPrefix(sum, "Q2"):
			h = sha256.New()
		default:
			return // what a trigger makes has none
		}
		if fi, err := r.t.lstat(file); err != nil || !fi.Mode().IsRegular() {
			return // of a link the sum is its text's
		}
		is := r.sum(file, h)
		want, err := base64.StdEncoding.DecodeString(sum[2:])
		if is != "" && err == nil && is != fmt.Sprintf("%x", want) {
			out.WriteString("U " + strings.TrimPrefix(file, "/") + "\n")
		}
		if r.left == 0 {
			full = true
			r.b.gap("sums", GapCap, "more bytes of programs than are compared")
		}
	})
	r.put(OutSumsAPK, []byte(out.String()))
}
