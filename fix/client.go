package fix

import (
	"encoding/json"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/postern-ssh/postern/audit/snapshot"
	"github.com/postern-ssh/postern/audit/wire"
)

// What postern's own client can negotiate; who comes by it must find some of that.
var ownClient = ssh.SupportedAlgorithms()

func clientCipher(n string) bool  { return slices.Contains(ownClient.Ciphers, n) }
func clientMAC(n string) bool     { return slices.Contains(ownClient.MACs, n) }
func clientKex(n string) bool     { return slices.Contains(ownClient.KeyExchanges, n) }
func clientHostKey(n string) bool { return slices.Contains(ownClient.HostKeys, n) }

// capturedHostKey is the host key algorithm that the login used which read the host;
// "" it was not seen.
func capturedHostKey(snap *snapshot.Snapshot) string {
	o := snap.Output(snapshot.OutWire)
	if o == nil {
		return ""
	}
	var c wire.Capture
	if json.Unmarshal(o.Data, &c) != nil {
		return ""
	}
	return c.HostKey
}
