/** A certificate and its key as they lie in files: read, judged, and what people should know of them. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { StartError, type ListenerConfig, type TlsFiles } from '../listener.ts';
import { formatIpv6, ipBytes } from '../protocol/address.ts';
import type { CertificatePems } from '../secure.ts';

/** Bytes; a file larger than this holds no certificate. */
const LARGEST_FILE = 1 << 20;

const DAY_MS = 86_400_000;
/** When the end of a certificate is near enough to be told; milliseconds. */
const SOON_MS = 7 * DAY_MS;

const MAKE_ONE = 'for work on your own machine make one with: gyre cert';

/** A certificate that fits its key. */
export interface Certificate {
  readonly files: TlsFiles;
  readonly pems: CertificatePems;
  /** Whom it is for: `localhost, *.proxy.example, 127.0.0.1`. */
  readonly names: string;
  readonly from: Date;
  readonly until: Date;
  /** The permissions of the key file let every user of this host read it. */
  readonly keyReadableByAll: boolean;
}

/** The files of all listeners with TLS, each set once. */
export function certificateFiles(listeners: readonly ListenerConfig[]): TlsFiles[] {
  const sets = listeners.flatMap(({ tls }) => (tls === undefined ? [] : [tls]));
  return [...new Map(sets.map((files) => [filesKey(files), files])).values()];
}

/** The same for two listeners that show the same. */
export function filesKey({ cert, key, clientCa }: TlsFiles): string {
  return JSON.stringify([cert, key, clientCa]);
}

/** @throws StartError with the file that is at fault. */
export async function readCertificate(files: TlsFiles): Promise<Certificate> {
  const cert = await readPem(files.cert, 'certificate');
  const key = await readPem(files.key, 'key');
  const ca = files.clientCa === undefined ? undefined : await readPem(files.clientCa, 'certificate');
  const [leaf] = parseCertificates(files.cert, cert.text);
  if (ca !== undefined) parseCertificates(files.clientCa!, ca.text);
  if (!leaf!.checkPrivateKey(parseKey(files.key, key.text))) {
    throw new StartError(
      `the key ${files.key} does not belong to the certificate ${files.cert}`,
      'where the file holds several certificates, that of this host comes first',
    );
  }
  const pems = { cert: cert.text, key: key.text, clientCa: ca?.text };
  try {
    createSecureContext({ cert: pems.cert, key: pems.key, ...(ca !== undefined && { ca: ca.text }) });
  } catch (error) {
    throw new StartError(`the certificate ${files.cert} cannot be used: ${reason(error)}`, undefined, error);
  }
  return {
    files,
    pems,
    names: namesOf(leaf!),
    from: leaf!.validFromDate,
    until: leaf!.validToDate,
    keyReadableByAll: (key.mode & 0o004) !== 0,
  };
}

/** What is no error and should still be known, one sentence each. */
export function remarks(certificate: Certificate, now: number): string[] {
  const { files, keyReadableByAll } = certificate;
  const expiry = expiryRemark(certificate, now);
  return [
    ...(expiry === undefined ? [] : [expiry]),
    ...(keyReadableByAll ? [`everyone on this host can read the key ${files.key}: chmod 600 it`] : []),
  ];
}

/** @returns Undefined while it is valid, and for a week more. */
export function expiryRemark({ files, from, until }: Certificate, now: number): string | undefined {
  const left = until.getTime() - now;
  const day = until.toISOString().slice(0, 10);
  if (left <= 0) return `the certificate ${files.cert} has expired on ${day}: clients will refuse it`;
  if (left <= SOON_MS) {
    const days = Math.floor(left / DAY_MS);
    const when = days === 0 ? 'within a day' : days === 1 ? 'in a day' : `in ${days} days`;
    return `the certificate ${files.cert} expires ${when}, on ${day}`;
  }
  if (from.getTime() > now)
    return `the certificate ${files.cert} is not valid before ${from.toISOString()}: clients will refuse it`;
  return undefined;
}

type Kind = 'certificate' | 'key';

async function readPem(path: string, kind: Kind): Promise<{ readonly text: string; readonly mode: number }> {
  // Opening a pipe would wait for its writer for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw notOpened(path, kind, error as NodeJS.ErrnoException);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new StartError(`the ${kind} ${path} is not a regular file`);
    if (stats.size > LARGEST_FILE) throw new StartError(`the ${kind} ${path} is larger than 1 MiB`);
    const bytes = await file.readFile();
    const text = bytes.toString('utf8');
    if (!BLOCK[kind].test(text)) throw noPem(path, kind, bytes, text);
    return { text, mode: stats.mode };
  } finally {
    await file.close();
  }
}

const BLOCK: Readonly<Record<Kind, RegExp>> = {
  certificate: /-----BEGIN (?:X509 )?CERTIFICATE-----/,
  key: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/,
};

/** The files may have been mixed up, or be of the other format: both happen, and both are easily told. */
function noPem(path: string, kind: Kind, bytes: Buffer, text: string): StartError {
  const message = `${path} holds no ${kind} in PEM form`;
  const other = kind === 'key' ? 'certificate' : 'key';
  if (BLOCK[other].test(text)) return new StartError(message, `it holds a ${other}: are the two mixed up?`);
  // DER: a SEQUENCE with a length of two bytes.
  if (bytes[0] === 0x30 && bytes[1] === 0x82) {
    const tool = kind === 'key' ? 'pkey' : 'x509 -inform der';
    return new StartError(
      message,
      `it looks like DER: convert it with openssl ${tool} -in ${path} -out FILE.pem`,
    );
  }
  const title = kind === 'key' ? 'PRIVATE KEY' : 'CERTIFICATE';
  return new StartError(message, `such a file has a line -----BEGIN ${title}-----`);
}

function notOpened(path: string, kind: Kind, error: NodeJS.ErrnoException): StartError {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
    return new StartError(`there is no file ${path} with the ${kind}`, MAKE_ONE, error);
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    const hint = 'give the user gyre runs as the right to';
    return new StartError(`the ${kind} ${path} may not be read`, hint, error);
  }
  return new StartError(
    `the ${kind} ${path} cannot be opened: ${error.code ?? error.message}`,
    undefined,
    error,
  );
}

/** Every one in the file: a half-written chain would only be noticed by clients. */
function parseCertificates(path: string, text: string): X509Certificate[] {
  const blocks = text.split(/(?=-----BEGIN )/).filter((block) => BLOCK.certificate.test(block));
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      const which = blocks.length === 1 ? 'the certificate' : `certificate ${index + 1} of ${blocks.length}`;
      throw new StartError(
        `${which} in ${path} is damaged: ${reason(error)}`,
        'is the file complete?',
        error,
      );
    }
  });
}

function parseKey(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    if (/ENCRYPTED/.test(text)) {
      throw new StartError(
        `the key ${path} is encrypted, and nobody is asked for its passphrase`,
        `write it without: openssl pkey -in ${path} -out FILE.pem; chmod 600 FILE.pem`,
        error,
      );
    }
    throw new StartError(
      `the key in ${path} is damaged, or of an unknown kind`,
      'is the file complete?',
      error,
    );
  }
}

/** What OpenSSL says, without its numbers: `error:0A00018F:SSL routines::ee key too small`. */
function reason(error: unknown): string {
  const { message } = error as Error;
  return message.split(':').at(-1)!.trim();
}

function namesOf({ subjectAltName, subject }: X509Certificate): string {
  if (subjectAltName !== undefined) {
    const names = subjectAltName.split(', ').map((name) => name.replace(/^(?:DNS|IP Address):/, ''));
    return names.map(shortened).join(', ');
  }
  return subject?.replaceAll('\n', ', ') ?? '';
}

/** OpenSSL writes IPv6 addresses out in full. */
function shortened(name: string): string {
  const bytes = ipBytes(name);
  return bytes?.length === 16 ? formatIpv6(bytes, 0) : name;
}
