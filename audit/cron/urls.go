package cron

import (
	"net/netip"
	"strconv"
	"strings"
)

// urlIn returns the first URL in a text that a program could fetch from, or "".
func urlIn(text string) string {
	i := strings.Index(text, "://")
	if i <= 0 || i+3 >= len(text) {
		return ""
	}
	start := i
	for start > 0 && isAlpha(text[start-1]) {
		start--
	}
	switch strings.ToLower(text[start:i]) {
	case "http", "https", "ftp", "ftps", "tftp", "sftp", "ipfs", "gopher", "ws", "wss":
	default:
		return ""
	}
	end := i + 3
	for end < len(text) && text[end] > ' ' && strings.IndexByte("\"'`|;<>()\\", text[end]) < 0 {
		end++
	}
	return text[start:end]
}

// hostShape reports a bare word that curl would take for a host: a.b or an address.
func hostShape(t string) bool {
	host, _, _ := strings.Cut(t, "/")
	host, _, _ = strings.Cut(host, ":")
	dot := strings.IndexByte(host, '.')
	if dot <= 0 || dot == len(host)-1 || len(host) > 253 {
		return false
	}
	for i := 0; i < len(host); i++ {
		if c := host[i]; !isAlnum(c) && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// urlHost returns the host of a URL in lower case.
func urlHost(u string) string {
	i := strings.Index(u, "://")
	if i < 0 {
		return ""
	}
	host := u[i+3:]
	if k := strings.IndexAny(host, "/?#"); k >= 0 {
		host = host[:k]
	}
	if k := strings.LastIndexByte(host, '@'); k >= 0 {
		host = host[k+1:]
	}
	if strings.HasPrefix(host, "[") {
		if k := strings.IndexByte(host, ']'); k > 0 {
			return strings.ToLower(host[1:k])
		}
	}
	if k := strings.IndexByte(host, ':'); k >= 0 {
		host = host[:k]
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// dropSites let anyone put up a text or file without a name.
var dropSites = set(`pastebin.com paste.ee hastebin.com ghostbin.co ghostbin.com transfer.sh termbin.com 0x0.st ix.io sprunge.us controlc.com rentry.co
dpaste.com dpaste.org paste.rs paste.c-net.org pastecode.io justpaste.it privatebin.net bpa.st clbin.com ptpb.pw anonfiles.com anonfile.com bayfiles.com
file.io bashupload.com temp.sh oshi.at catbox.moe files.catbox.moe litter.catbox.moe gofile.io filebin.net tmpfiles.org send.cm uguu.se pixeldrain.com
sendspace.com mediafire.com cdn.discordapp.com media.discordapp.net webhook.site requestbin.net pipedream.net burpcollaborator.net oast.fun oast.pro oast.live interact.sh
paste.debian.net p.ip.fi pasted.co pastie.org codepad.org gist.githubusercontent.com.tor2web.io ipfs.io cloudflare-ipfs.com gateway.pinata.cloud teknik.io upload.ee`)

// relaySites give a machine at home a name on the net for an hour.
var relaySites = []string{".ngrok.io", ".ngrok-free.app", ".ngrok.app", ".trycloudflare.com", ".serveo.net", ".loca.lt", ".localhost.run", ".lhr.life", ".pagekite.me", ".onion", ".onion.to", ".onion.ws", ".onion.ly", ".onion.pet", ".tor2web.org", ".tor2web.io", ".i2p"}

// dynamicDNS are zones in which anyone may have a name for a changing address.
var dynamicDNS = []string{".duckdns.org", ".no-ip.org", ".no-ip.biz", ".no-ip.info", ".ddns.net", ".hopto.org", ".zapto.org", ".sytes.net", ".dyndns.org", ".dynu.net", ".dynu.com", ".changeip.com", ".3322.org", ".f3322.net", ".afraid.org", ".mooo.com", ".gotdns.com", ".serveftp.com", ".servebeer.com", ".myftp.org", ".bounceme.net", ".redirectme.net", ".ddnsfree.com", ".freemyip.com", ".dns.army", ".xip.io"}

// oddHost says what is odd about the place a URL names, and how much.
func oddHost(u string) (why string, sev Level) {
	host := urlHost(u)
	if host == "" {
		return "", None
	}
	scheme := u[:strings.Index(u, "://")]
	if scheme != strings.ToLower(scheme) && scheme != strings.ToUpper(scheme) {
		return "whose scheme is spelled " + Quote(scheme) + " to slip past a search", High
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if publicAddr(a) {
			return "a bare address", High
		}
		return "", None
	}
	if a, ok := numericHost(host); ok {
		if publicAddr(a) {
			return "a bare address written as a number", High
		}
		return "a local address written as a number", Low
	}
	if dropSites[host] {
		path := u[strings.Index(u, host)+len(host):]
		if len(path) > 1 || host == "termbin.com" {
			return "where anyone may leave a text or file unnamed", High
		}
	}
	for _, z := range relaySites {
		if strings.HasSuffix(host, z) {
			return "a hidden or passing host", High
		}
	}
	for _, z := range dynamicDNS {
		if strings.HasSuffix(host, z) && !strings.HasPrefix(host, "www.") && !strings.Contains(u, "/update") && !strings.Contains(u, "/nic/") {
			return "a name for a changing address", High
		}
	}
	return "", None
}

func publicAddr(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified() && !a.IsMulticast() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

func privateHost(h string) bool {
	a, err := netip.ParseAddr(h)
	return err == nil && !publicAddr(a)
}

// numericHost reads the other spellings of an IPv4 address that resolvers take:
// one number, or hex and octal parts (inet_aton(3)).
func numericHost(h string) (netip.Addr, bool) {
	parts := strings.Split(h, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var v uint64
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 0, 32)
		if err != nil || p == "" {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			v |= n
		} else {
			v |= n << uint(24-8*i)
		}
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}
