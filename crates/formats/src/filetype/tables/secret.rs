use super::super::Category;
use super::super::structure::secret;
use super::{Entry, Signature};

const fn secret(
    id: &'static str,
    description: &'static str,
    mime: &'static str,
    extensions: &'static [&'static str],
    signatures: &'static [Signature],
) -> Entry {
    Entry::new(Category::Other, id, description, mime, extensions, signatures)
}

/// Keys, certificates and encrypted files.
#[rustfmt::skip] // One row a line: a table is read down its columns.
pub(super) static TYPES: &[Entry] = &[
    secret("pem_certificate", "Certificate (PEM)", "application/x-pem-file", &["pem", "crt", "cer", "ca-bundle"], &[&[(0, b"-----BEGIN CERTIFICATE")], &[(0, b"-----BEGIN TRUSTED CERT")], &[(0, b"-----BEGIN X509 CERT")]]),
    secret("pem_private_key", "Private key (PEM)", "application/x-pem-file", &["pem", "key"], &[&[(0, b"-----BEGIN PRIVATE KEY")], &[(0, b"-----BEGIN RSA PRIVATE")], &[(0, b"-----BEGIN EC PRIVATE")], &[(0, b"-----BEGIN EC PARAM")], &[(0, b"-----BEGIN DSA PRIVATE")], &[(0, b"-----BEGIN ENCRYPTED PRIV")]]),
    secret("pem_public_key", "Public key (PEM)", "application/x-pem-file", &["pem", "pub", "key"], &[&[(0, b"-----BEGIN PUBLIC KEY")], &[(0, b"-----BEGIN RSA PUBLIC")]]),
    secret("pem_csr", "Certificate request (PEM)", "application/pkcs10", &["csr", "pem", "req"], &[&[(0, b"-----BEGIN CERTIFICATE REQ")], &[(0, b"-----BEGIN NEW CERTIFICATE REQ")]]),
    secret("pem_crl", "Revocation list (PEM)", "application/pkix-crl", &["crl", "pem"], &[&[(0, b"-----BEGIN X509 CRL")]]),
    secret("pem_pkcs7", "PKCS #7 (PEM)", "application/x-pkcs7-certificates", &["p7b", "p7c", "pem"], &[&[(0, b"-----BEGIN PKCS7")], &[(0, b"-----BEGIN CMS")]]),
    secret("pem", "PEM text", "application/x-pem-file", &["pem"], &[&[(0, b"-----BEGIN ")]]),
    secret("openssh_private_key", "OpenSSH private key", "application/x-openssh-key", &["key", "pem"], &[&[(0, b"-----BEGIN OPENSSH PRIVATE")]]),
    secret("openssh_public_key", "OpenSSH public key", "application/x-openssh-key", &["pub"], &[&[(0, b"ssh-rsa AAAA")], &[(0, b"ssh-ed25519 AAAA")], &[(0, b"ssh-dss AAAA")], &[(0, b"ecdsa-sha2-nistp")], &[(0, b"---- BEGIN SSH2 PUBLIC")]]),
    secret("putty_key", "PuTTY key", "application/x-putty-key", &["ppk"], &[&[(0, b"PuTTY-User-Key-File-")]]),
    secret("der_certificate", "Certificate (DER)", "application/pkix-cert", &["der", "cer", "crt"], &[&[(0, b"\x30\x82")]]).check(secret::der),
    secret("pkcs7", "PKCS #7", "application/pkcs7-mime", &["p7b", "p7m", "p7s", "p7c", "cat", "spc"], &[&[(0, b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07")]]),
    secret("pkcs12", "PKCS #12 key store", "application/x-pkcs12", &["p12", "pfx"], &[]),
    secret("security_catalog", "Security catalog", "application/vnd.ms-pki.seccat", &["cat"], &[]),
    secret("pgp_message", "PGP message", "application/pgp-encrypted", &["asc", "pgp"], &[&[(0, b"-----BEGIN PGP MESSAGE")]]),
    secret("pgp_signature", "PGP signature", "application/pgp-signature", &["asc", "sig"], &[&[(0, b"-----BEGIN PGP SIGNATURE")]]),
    secret("pgp_signed", "PGP signed text", "text/x-pgp-signed", &["asc"], &[&[(0, b"-----BEGIN PGP SIGNED")]]),
    secret("pgp_key", "PGP key", "application/pgp-keys", &["asc", "key"], &[&[(0, b"-----BEGIN PGP PUBLIC")], &[(0, b"-----BEGIN PGP PRIVATE")]]),
    secret("pgp_binary_key", "PGP key (binary)", "application/pgp-keys", &["gpg", "pgp"], &[&[(0, b"\x99\x01")], &[(0, b"\x99\x02")], &[(0, b"\x98\x33\x04")]]).check(secret::pgp_key),
    secret("gpg_keybox", "GnuPG keybox", "application/x-gnupg-keybox", &["kbx"], &[&[(8, b"KBXf")]]),
    secret("age", "Age encrypted file", "application/x-age", &["age"], &[&[(0, b"age-encryption.org/v1\n")], &[(0, b"-----BEGIN AGE ENCR")]]),
    secret("openssl_salted", "OpenSSL encrypted data", "application/x-openssl-encrypted", &["enc"], &[&[(0, b"Salted__")], &[(0, b"U2FsdGVkX1")]]),
    secret("ansible_vault", "Ansible vault", "text/x-ansible-vault", &["yml", "yaml", "vault"], &[&[(0, b"$ANSIBLE_VAULT;")]]),
    secret("keepass", "KeePass database", "application/x-keepass2", &["kdbx", "kdb"], &[&[(0, b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5")], &[(0, b"\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5")], &[(0, b"\x03\xd9\xa2\x9a\x66\xfb\x4b\xb5")]]),
    secret("axcrypt", "AxCrypt file", "application/x-axcrypt", &["axx"], &[&[(0, b"\xc0\xb9\x07\x2e\x4f\x93\xf1\x46\xa0\x15\x79\x2c\xa1\xd9\xe8\x21")]]),
    secret("aescrypt", "AES Crypt file", "application/x-aes-encrypted", &["aes"], &[&[(0, b"AES\x02")], &[(0, b"AES\x03")]]),
    secret("kerberos_keytab", "Kerberos keytab", "application/x-kerberos-keytab", &["keytab"], &[&[(0, b"\x05\x02\0\0\0")]]),
    secret("kerberos_ccache", "Kerberos ticket cache", "application/x-kerberos-ccache", &["ccache"], &[&[(0, b"\x05\x04\0\x0c")]]),
    secret("minisign", "Minisign key or signature", "application/x-minisign", &["minisig"], &[&[(0, b"untrusted comment: ")]]),
    secret("git_crypt", "Git-crypt file", "application/x-git-crypt", &["key"], &[&[(0, b"\0GITCRYPT")]]),
];
