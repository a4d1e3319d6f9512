package cron

import "strings"

// minerNames are programs that mine coins, and the malware that brings them.
var minerNames = set("xmrig xmr-stak xmr-stak-cpu minerd cpuminer cpuminer-multi cpuminer-opt ccminer cgminer bfgminer sgminer ethminer nbminer t-rex lolminer phoenixminer teamredminer gminer nanominer srbminer srbminer-multi wildrig xmrigdaemon xmrigcc kinsing kdevtmpfsi kthmimu sysrv ddgs watchbog kerberods khugepageds sustes sustse config_rig ld-linux-x86 moneroocean mxminer perfctl perfcc lolMiner bzminer rigel onezerominer hellminer")

var minerWords = []string{"stratum+tcp://", "stratum+ssl://", "stratum2+tcp://", "stratum1+", "--donate-level", "--coin=monero", "--coin monero", "-a cryptonight", "--algo=randomx", "-a rx/0", "--nicehash", "--cpu-max-threads-hint", "--randomx-", "--rig-id", "--max-cpu-usage", "--cpu-no-yield", "--donate-over-proxy", "minexmr.com", "supportxmr.com", "moneroocean.stream", "nanopool.org", "hashvault.pro", "c3pool.", "2miners.com", "nicehash.com", "f2pool.com", "xmrpool.", "monerohash.com", "pool.minergate", "minergate.com", "dwarfpool.com", "unmineable.com", "herominers.com", "kryptex."}

// miner judges what mines coins.
func (s *signer) miner(c *Command) {
	name := strings.ToLower(strings.TrimLeft(c.Name, "."))
	if minerNames[name] && c.Name != "" {
		s.add("miner", Critical, "%s is the name of a program that mines coins", q(c.Name))
		return
	}
	for k := range c.Args {
		t := c.Args[k].Text
		if len(t) < 6 {
			continue
		}
		if k > 0 && (c.Name == "pkill" || c.Name == "killall" || c.Name == "pgrep" || c.Name == "grep") && minerNames[strings.ToLower(t)] {
			if c.Name == "grep" || c.Name == "pgrep" {
				continue
			}
			s.add("miner", High, "it ends the miners of others: %s", q(joinWords(c.Args)))
			continue
		}
		if k > 0 && minerNames[strings.ToLower(baseName(t))] && strings.IndexByte(t, '/') >= 0 {
			s.add("miner", Critical, "%s is the name of a program that mines coins", q(t))
		}
		low := strings.ToLower(t)
		if k > 0 && (hasWord("systemctl service", c.Name) && hasArg(c, "start", "restart", "enable") || hasWord("docker podman nerdctl", c.Name) && hasArg(c, "run", "start", "pull")) && namesMiner(low) {
			s.add("miner", High, "it starts what is called like a program that mines coins: %s", q(joinWords(c.Args)))
		}
		for _, w := range minerWords {
			if strings.Contains(low, w) && !prose[c.Name] {
				s.add("miner", Critical, "%s belongs to mining coins", q(w))
			}
		}
		if moneroAddress(t) {
			s.add("miner", Critical, "%s is an address of the coin Monero", q(t))
		}
	}
	if c.Name == "kill" && !gentle(c) {
		s.upstream(indexOf(s.a, c), true, func(u *Command) {
			for k := 1; k < len(u.Args) && (grep(u.Name) || u.Name == "pgrep" || u.Name == "pidof" || strings.HasSuffix(u.Name, "awk")); k++ {
				for _, p := range strings.FieldsFunc(strings.ToLower(u.Args[k].Text), func(r rune) bool { return strings.ContainsRune(`|()\^$/ "[]`, r) }) {
					if minerNames[p] {
						s.add("miner", High, "it ends the miners of others: %s", q(p))
					}
				}
			}
		})
	}
	for k := 1; k < len(c.Args); k++ {
		name, value, _ := strings.Cut(strings.ToLower(c.Args[k].Text), "=")
		if value == "" && k+1 < len(c.Args) {
			value = strings.ToLower(c.Args[k+1].Text)
		}
		if hasWord("-a --algo --algorithm", name) && coinAlgorithm(value) || name == "--coin" && hasWord("monero xmr wownero ravencoin rvn etc ethash", value) {
			s.add("miner", Critical, "%s belongs to mining coins", q(name+" "+value))
		}
	}
}

// namesMiner reports the name of a miner, or of a pool, as a part of a unit's or an
// image's.
func namesMiner(low string) bool {
	for _, part := range strings.FieldsFunc(strings.TrimSuffix(low, ".service"), func(r rune) bool { return strings.ContainsRune("/:@_.", r) }) {
		if minerNames[part] || hasWord("c3pool miner moneroocean nicehash xmr", part) {
			return true
		}
	}
	return false
}

func grep(name string) bool { return hasWord("grep egrep fgrep rg", name) }

// coinAlgorithm reports the name of a proof of work that programs on a host mine.
func coinAlgorithm(v string) bool {
	for _, p := range [...]string{"cryptonight", "cn/", "cn-", "randomx", "rx/", "kawpow", "ethash", "etchash", "argon2/", "autolykos", "octopus", "verushash", "yespower", "ghostrider", "equihash"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return false
}

// moneroAddress reports the form of a main or sub address: 95 characters of base
// 58 that begin with 4 or 8.
func moneroAddress(t string) bool {
	if len(t) != 95 || t[0] != '4' && t[0] != '8' {
		return false
	}
	for i := 0; i < len(t); i++ {
		if c := t[i]; !isAlnum(c) || c == '0' || c == 'O' || c == 'I' || c == 'l' {
			return false
		}
	}
	return true
}
