package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"filippo.io/edwards25519"
)

// Ed25519Row is a signature and what Go's crypto/ed25519 says of it. Bytes are hexadecimal.
type Ed25519Row struct {
	Name      string `json:"name"`
	Public    string `json:"public"`
	Message   string `json:"message"`
	Signature string `json:"signature"`
	Valid     bool   `json:"valid"`
	// SmallOrder: whoever configures the key as a vkey wants almost any signature to verify.
	SmallOrder bool `json:"smallOrder,omitempty"`
}

func row(name string, public, message, signature []byte) Ed25519Row {
	point, err := new(edwards25519.Point).SetBytes(public)
	small := err == nil && new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1
	return Ed25519Row{name, hex.EncodeToString(public), hex.EncodeToString(message), hex.EncodeToString(signature), ed25519.Verify(public, message, signature), small}
}

// The encodings of the eight points of small order: canonical ones, ones with y + p, and ones whose x is 0 and has a sign.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000080",
	"0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
}

func ed25519Rows() []Ed25519Row {
	var rows []Ed25519Row
	seed := sha512.Sum512_256([]byte("huxin"))
	private := ed25519.NewKeyFromSeed(seed[:])
	public := private.Public().(ed25519.PublicKey)
	for _, message := range []string{"", "hi", "cosignature/v1\ntime 1\n", string(make([]byte, 1000))} {
		rows = append(rows, row(fmt.Sprintf("signed-%d-bytes", len(message)), public, []byte(message), ed25519.Sign(private, []byte(message))))
	}
	rows = append(rows, altered(public, ed25519.Sign(private, []byte("hi")))...)
	rows = append(rows, mixedOrder(private)...)
	for _, key := range smallOrder {
		a := unhex(key)
		for _, r := range []string{smallOrder[0], smallOrder[8], smallOrder[2], key} {
			for _, message := range []string{"a", "b"} {
				rows = append(rows, row("small-order-"+key[:4]+key[62:]+"-r-"+r[:4]+r[62:]+"-"+message, a, []byte(message), append(unhex(r), make([]byte, 32)...)))
			}
		}
	}
	// Published in the decision records of a port of Tessera: other libraries take it.
	return append(rows, row("mixed-order-published", unhex("678c8edde71e8f4dd2d05c673807d7951ab5e93763a16363f14a1812c7bd8fac"), []byte("hi"),
		unhex("032bc2b7e1cf18bd44686ac76094ea4c80547a461de1dea46055e5059f8df8dfb65ed101a84ad476d3b3715c03644f9564a48c92b0d84ea8ae9736cd99e59005")))
}

// altered are what a valid signature becomes.
func altered(public, good []byte) []Ed25519Row {
	message := []byte("hi")
	var rows []Ed25519Row
	with := func(name string, change func(signature []byte) []byte) {
		rows = append(rows, row(name, public, message, change(append([]byte{}, good...))))
	}
	order := unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	with("s-plus-order", func(s []byte) []byte {
		carry := 0
		for i := range order {
			sum := int(s[32+i]) + int(order[i]) + carry
			s[32+i], carry = byte(sum), sum>>8
		}
		return s
	})
	with("s-is-order", func(s []byte) []byte { return append(s[:32], order...) })
	with("s-is-zero", func(s []byte) []byte { return append(s[:32], make([]byte, 32)...) })
	for _, bit := range []byte{0x20, 0x40, 0x80} {
		with(fmt.Sprintf("s-high-bit-%02x", bit), func(s []byte) []byte { s[63] |= bit; return s })
	}
	with("r-other-sign", func(s []byte) []byte { s[31] ^= 0x80; return s })
	with("r-and-s-swapped", func(s []byte) []byte { return append(append([]byte{}, s[32:]...), s[:32]...) })
	with("zeros", func(s []byte) []byte { return make([]byte, 64) })
	with("ones", func(s []byte) []byte {
		for i := range s {
			s[i] = 0xff
		}
		return s
	})
	with("63-bytes", func(s []byte) []byte { return s[:63] })
	with("65-bytes", func(s []byte) []byte { return append(s, 0) })
	with("empty", func(s []byte) []byte { return nil })
	for bit := 0; bit < 512; bit += 37 {
		with(fmt.Sprintf("bit-%d", bit), func(s []byte) []byte { s[bit/8] ^= 1 << (bit % 8); return s })
	}
	rows = append(rows, row("another-message", public, []byte("ho"), good))
	for bit := 0; bit < 256; bit += 51 {
		key := append([]byte{}, public...)
		key[bit/8] ^= 1 << (bit % 8)
		rows = append(rows, row(fmt.Sprintf("key-bit-%d", bit), key, message, good))
	}
	return rows
}

// mixedOrder are signatures that an equation multiplied by the cofactor accepts and Go's does not, unless the
// point of small order happens to vanish.
func mixedOrder(private ed25519.PrivateKey) []Ed25519Row {
	digest := sha512.Sum512(private.Seed())
	a, _ := edwards25519.NewScalar().SetBytesWithClamping(digest[:32])
	nonce := sha512.Sum512([]byte("nonce"))
	r, _ := edwards25519.NewScalar().SetUniformBytes(nonce[:])
	base := func(s *edwards25519.Scalar) *edwards25519.Point { return new(edwards25519.Point).ScalarBaseMult(s) }
	torsion, _ := new(edwards25519.Point).SetBytes(unhex(smallOrder[10]))
	sign := func(public, commitment []byte, message []byte) []byte {
		hash := sha512.New()
		for _, part := range [][]byte{commitment, public, message} {
			hash.Write(part)
		}
		k, _ := edwards25519.NewScalar().SetUniformBytes(hash.Sum(nil))
		return append(append([]byte{}, commitment...), edwards25519.NewScalar().MultiplyAdd(k, a, r).Bytes()...)
	}
	plain, mixed := base(a).Bytes(), new(edwards25519.Point).Add(base(a), torsion).Bytes()
	var rows []Ed25519Row
	for i := range 24 {
		message := binary.BigEndian.AppendUint16(nil, uint16(i))
		rows = append(rows, row(fmt.Sprintf("mixed-order-key-%d", i), mixed, message, sign(mixed, base(r).Bytes(), message)))
	}
	commitment := new(edwards25519.Point).Add(base(r), torsion).Bytes()
	rows = append(rows, row("mixed-order-r", plain, []byte("hi"), sign(plain, commitment, []byte("hi"))))
	// R is the identity, written in its three ways: S = k·a.
	r = edwards25519.NewScalar()
	for _, identity := range []string{smallOrder[0], smallOrder[1], smallOrder[8]} {
		rows = append(rows, row("r-identity-"+identity[:4]+identity[62:], plain, []byte("hi"), sign(plain, unhex(identity), []byte("hi"))))
	}
	return rows
}

// ed25519Verdicts reads rows, one JSON object a line, and answers with Go's verdicts.
func ed25519Verdicts(*words) (any, error) {
	verdicts := []bool{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked Ed25519Row
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return nil, err
		}
		verdicts = append(verdicts, ed25519.Verify(unhex(asked.Public), unhex(asked.Message), unhex(asked.Signature)))
	}
	return verdicts, lines.Err()
}

func unhex(text string) []byte {
	bytes, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return bytes
}
