package sshd

import "strings"

// User is an account as Match sees it.
type User struct {
	Name   string
	Groups []string // names, primary and supplementary; nil: the account does not exist
}

// Matrix tells the Settings for every account at every place, at a cost of one
// look at each Match line per account and per place, not per pair.
type Matrix struct {
	c      *Config
	users  [][]byte
	places [][]byte
	key    []byte
	last   []byte
	hit    *Settings
}

// Matrix prepares the accounts and places. Not for concurrent use.
func (c *Config) Matrix(users []User, places []Context) *Matrix {
	m := &Matrix{c: c, key: make([]byte, (len(c.conds)+7)/8)}
	for i := range users {
		ctx := Context{User: users[i].Name, Groups: users[i].Groups, Invalid: users[i].Groups == nil}
		m.users = append(m.users, c.bits(&ctx, true))
	}
	for i := range places {
		m.places = append(m.places, c.bits(&places[i], false))
	}
	return m
}

func (c *Config) bits(ctx *Context, user bool) []byte {
	b := make([]byte, (len(c.conds)+7)/8)
	addr, local := ctx.addr(), ctx.localAddr()
	for i, m := range c.conds {
		if m.holds(ctx, user, addr, local) {
			b[i/8] |= 1 << (i % 8)
		}
	}
	return b
}

// Settings is what holds for that account at that place.
func (m *Matrix) Settings(user, place int) *Settings {
	u, p := m.users[user], m.places[place]
	for i := range m.key {
		m.key[i] = u[i] & p[i]
	}
	if m.hit != nil && string(m.last) == string(m.key) {
		return m.hit
	}
	m.hit = m.c.settings(m.key)
	m.last = append(m.last[:0], m.key...)
	return m.hit
}

// Contexts returns representative logins: one for each set of Match blocks that
// some of the users at some of the places meets. Without users, names that fit
// the User and Group patterns stand for them. capped says that places or
// contexts were left out.
func (c *Config) Contexts(users []User) (out []Context, capped bool) {
	if len(users) == 0 {
		users = c.sampleUsers()
	}
	places, capped := c.Places()
	m := c.Matrix(users, places)
	seen := map[string]bool{}
	for p := range places {
		for u := range users {
			for i := range m.key {
				m.key[i] = m.users[u][i] & m.places[p][i]
			}
			if seen[string(m.key)] {
				continue
			}
			if len(out) == maxCache {
				return out, true
			}
			seen[string(m.key)] = true
			ctx := places[p]
			ctx.User, ctx.Groups, ctx.Invalid = users[u].Name, users[u].Groups, users[u].Groups == nil
			out = append(out, ctx)
		}
	}
	return out, capped
}

// sampleUsers invents accounts that fit the patterns of Match User and Group.
func (c *Config) sampleUsers() []User {
	out := []User{{Name: "somebody", Groups: []string{"somebody"}}, {Name: "root", Groups: []string{"root"}}}
	seen := map[string]bool{}
	for _, m := range c.conds {
		for i := range m.criteria {
			k := &m.criteria[i]
			if k.attr != matchUser && k.attr != matchGroup || len(out) >= 256 {
				continue
			}
			for p := range strings.SplitSeq(k.arg, ",") {
				p = strings.TrimPrefix(p, "!")
				p = strings.ReplaceAll(strings.ReplaceAll(p, "*", "x"), "?", "x")
				if p == "" || seen[p] || len(out) >= 256 {
					continue
				}
				seen[p] = true
				if k.attr == matchUser {
					out = append(out, User{Name: p, Groups: []string{p}})
				} else {
					out = append(out, User{Name: "member-of-" + p, Groups: []string{p}})
				}
			}
		}
	}
	return out
}

// SplitUser splits a word of AllowUsers or DenyUsers at its last "@". places is
// the list for address and host; has is false where there is none.
func SplitUser(pattern string) (user, places string, has bool) {
	i := strings.LastIndexByte(pattern, '@')
	if i < 0 {
		return pattern, "", false
	}
	return pattern[:i], pattern[i+1:], true
}

// MatchName reports whether a name fits one pattern of * and ?.
func MatchName(pattern, name string) bool { return matchPattern(name, pattern) }

// MatchPlace reports whether a place fits the list behind the "@" of a user
// pattern: addresses, networks and names, "!" negates (match_host_and_ip).
func MatchPlace(list string, place *Context) bool { return matchHostAndAddr(place, list) == 1 }
