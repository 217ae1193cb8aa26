/** The target's side of one request. */
import { LegStream, type Written } from './leg-stream.ts';

/** A target that has said everything gets this long to close first; milliseconds. */
const PARTING_MS = 500;

export class RemoteStream extends LegStream {
  #parting: NodeJS.Timeout | undefined = undefined;

  /** Takes bytes back that were not for the one who got them. Copies. */
  unread(bytes: Buffer): void {
    this.inbox.append(bytes);
  }

  /**
   * Nothing is left to say: closes when the target has, or a moment later. Who closes first keeps the port in TIME_WAIT,
   * and an egress address has only so many.
   */
  part(): void {
    if (this.leg.ended) this.destroy();
    else this.#parting ??= setTimeout(() => this.destroy(), PARTING_MS);
  }

  /** Says FIN by closing only: origins may take it for a client that has left. */
  override _final(written: Written): void {
    written();
  }

  override _destroy(error: Error | null, closed: Written): void {
    clearTimeout(this.#parting);
    super._destroy(error, closed);
  }
}
