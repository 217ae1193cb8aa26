/** The last stage of the way: whatever came of a connection, it is over exactly once. */
import type { Connection, Observer } from './connection.ts';

/** Gives back what the connection held of the limits, and has it counted and logged. To be called once. */
export function account(connection: Connection, observer: Observer): void {
  connection.totalMs = performance.now() - connection.startedAt;
  connection.stay?.leave();
  observer.closed(connection);
}
