// Programs of Go's C2SP tools against this product and the other way round; `npm run test:foreign` builds
// and runs them (run.ts). Nothing here knows how the product works: formats come from golang.org/x/mod,
// transparency-dev/formats, merkle and tessera, filippo.io/torchwood and filippo.io/age.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

var commands = map[string]func(given *words) (any, error){
	"vectors": vectors, // writes vectors.json
	"ed25519": ed25519Verdicts,
	"audit":   audit,  // a log served over HTTPS
	"proof":   check,  // a .tlog-proof with its entry, under a policy
	"append":  add,    // to a log of Tessera's, witnessed over HTTP
	"prove":   prove,  // an entry of a log of Tessera's
	"cosign":  cosign, // a checkpoint, as a witness
	"unpack":  unpack, // a backup, by age and tar
}

func main() {
	result, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}

func run(args []string) (any, error) {
	if len(args)%2 == 0 || commands[args[0]] == nil {
		return nil, errors.New("wanted are a command, see main.go, and its words: --name value")
	}
	given := &words{values: map[string]string{}}
	for i := 1; i < len(args); i += 2 {
		given.values[strings.TrimPrefix(args[i], "--")] = args[i+1]
	}
	return commands[args[0]](given)
}

// words are what a command is given. What is wrong with them is in err, which is looked at once they were all asked for.
type words struct {
	values map[string]string
	err    error
}

func must[T any](w *words, value T, err error) T {
	if w.err == nil {
		w.err = err
	}
	return value
}

func (w *words) text(name string) string {
	value, there := w.values[name]
	if !there {
		return must(w, value, fmt.Errorf("--%s is missing", name))
	}
	return value
}

func (w *words) number(name string) uint64 {
	value, err := strconv.ParseUint(w.text(name), 10, 63)
	return must(w, value, err)
}

func (w *words) file(name string) []byte {
	content, err := os.ReadFile(w.text(name))
	return must(w, content, err)
}

func (w *words) verifier(name string) note.Verifier {
	key, err := note.NewVerifier(w.text(name))
	return must(w, key, err)
}

// client is of the PEM files --ca, --cert and --key.
func (w *words) client() *http.Client {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(w.file("ca")) {
		must(w, 0, errors.New("--ca holds no certificate"))
	}
	pair, err := tls.LoadX509KeyPair(w.text("cert"), w.text("key"))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}
	transport.ForceAttemptHTTP2 = false
	return must(w, &http.Client{Transport: transport, Timeout: 30 * time.Second}, err)
}
