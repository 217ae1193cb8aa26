/** TLS between a client and us: of one listener, on one thread. */
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { ProxyError } from './errors.ts';

/** PEM texts. Plain data: it crosses to the threads as it is. */
export interface CertificatePems {
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates; undefined: none is asked for. */
  readonly clientCa: string | undefined;
}

export class Secure {
  /** See {@link file://./listener.ts TlsFiles}. */
  readonly sessionDomain: string | undefined;
  #context: SecureContext;
  #asksClients: boolean;

  /** @throws Error when key and certificate do not fit. */
  constructor(pems: CertificatePems, sessionDomain: string | undefined) {
    this.sessionDomain = sessionDomain;
    this.#context = contextOf(pems);
    this.#asksClients = pems.clientCa !== undefined;
  }

  /** Handshakes from now on show another certificate; connections that stand keep theirs. */
  renew(pems: CertificatePems): void {
    this.#context = contextOf(pems);
    this.#asksClients = pems.clientCa !== undefined;
  }

  /** Puts TLS around an accepted socket; what was unshifted into it is read first. */
  wrap(accepted: Socket): TLSSocket {
    accepted.on('error', () => {});
    return new TLSSocket(accepted, {
      isServer: true,
      secureContext: this.#context,
      ALPNProtocols: ['http/1.1'],
      requestCert: this.#asksClients,
      rejectUnauthorized: this.#asksClients,
    });
  }

  /**
   * What the handshake, which is over, says of the client.
   * @returns the server name it asked for.
   * @throws ProxyError `TLS_FAILED` when its certificate is not of an authority we were given.
   */
  admit(socket: TLSSocket): string | undefined {
    if (this.#asksClients) verify(socket);
    return socket.servername || undefined;
  }
}

function contextOf({ cert, key, clientCa }: CertificatePems): SecureContext {
  return createSecureContext({ cert, key, ...(clientCa !== undefined && { ca: clientCa }) });
}

/** The handshake itself only makes sure that there is a certificate; a `tls.Server` asks this, a socket alone does not. */
function verify(socket: TLSSocket): void {
  const { ssl } = socket as unknown as { ssl?: { verifyError?: () => Error | null } };
  // Not documented, so not taken for granted: without an answer nobody is let in.
  const error = ssl?.verifyError === undefined ? new Error('cannot be verified') : ssl.verifyError();
  if (error) throw new ProxyError('TLS_FAILED', 'the client certificate is not accepted', error);
}
