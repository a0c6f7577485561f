// Programs of Go's C2SP tools against this product and the other way round; `npm run test:foreign` builds
// and runs them (run.ts). Nothing here knows how the product works: formats come from golang.org/x/mod,
// transparency-dev/formats, merkle and tessera, and filippo.io/torchwood.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"
)

var commands = map[string]func(args []string) (any, error){
	"vectors": vectors, // writes vectors.json
	"ed25519": ed25519Verdicts,
	"audit":   audit,  // a log served over HTTPS
	"proof":   check,  // a .tlog-proof with its entry, under a policy
	"append":  add,    // to a log of Tessera's, witnessed over HTTP
	"prove":   prove,  // an entry of a log of Tessera's
	"cosign":  cosign, // a checkpoint, as a witness
}

func main() {
	result, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}

func run() (any, error) {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		return nil, errors.New("the first word is no command; see main.go")
	}
	return commands[os.Args[1]](os.Args[2:])
}

// tlsFiles names the PEM files of a client; certificate and key may be absent.
type tlsFiles struct{ ca, cert, key string }

func (f *tlsFiles) flags(set *flag.FlagSet) {
	set.StringVar(&f.ca, "ca", "", "roots")
	set.StringVar(&f.cert, "cert", "", "client certificate")
	set.StringVar(&f.key, "key", "", "its key")
}

func (f *tlsFiles) client() (*http.Client, error) {
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", f.ca)
	}
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	transport.ForceAttemptHTTP2 = false
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, nil
}
