package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"

	"filippo.io/age"
)

// unpack opens a backup as age and tar do: by a passphrase, or by an identity.
func unpack(given *words) (any, error) {
	var identity age.Identity
	var err error
	if passphrase := given.values["passphrase"]; passphrase != "" {
		identity, err = age.NewScryptIdentity(passphrase)
	} else {
		identity, err = age.ParseX25519Identity(given.text("identity"))
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Open(given.text("file"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	plain, err := age.Decrypt(file, identity)
	if err != nil {
		return nil, err
	}
	entries := map[string]string{}
	for reader := tar.NewReader(plain); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, reader); err != nil {
			return nil, err
		}
		entries[header.Name] = hex.EncodeToString(hash.Sum(nil))
	}
}
