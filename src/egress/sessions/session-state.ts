/**
 * Sessions as bytes, for the time between two processes: a head with the version and the count, records of one size, and a
 * CRC-32 of all that. Little-endian.
 */
import { crc32 } from 'node:zlib';
import type { SessionRecord } from './session-term.ts';

/** `GYS` and the version. */
const MAGIC = 0x01535947;
const HEAD_BYTES = 8;
const RECORD_BYTES = 40;
const CRC_BYTES = 4;

export function writeState(sessions: Iterable<SessionRecord>): Uint8Array {
  const records = [...sessions];
  const bytes = Buffer.alloc(HEAD_BYTES + records.length * RECORD_BYTES + CRC_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(records.length, 4);
  for (const [index, record] of records.entries()) {
    const at = HEAD_BYTES + index * RECORD_BYTES;
    bytes.writeInt32LE(record.high, at);
    bytes.writeInt32LE(record.low, at + 4);
    bytes.writeInt32LE(record.address, at + 8);
    bytes.writeInt32LE(record.salt, at + 12);
    bytes.writeInt32LE(record.ttlMs, at + 16);
    bytes.writeInt32LE(record.idleMs, at + 20);
    bytes.writeDoubleLE(record.firstUse, at + 24);
    bytes.writeDoubleLE(record.lastUse, at + 32);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -CRC_BYTES)), bytes.length - CRC_BYTES);
  return bytes;
}

/** @throws TypeError for bytes that are not what {@link writeState} wrote. */
export function readState(source: Uint8Array): SessionRecord[] {
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  if (bytes.length < HEAD_BYTES + CRC_BYTES || bytes.readUInt32LE(0) !== MAGIC) {
    throw new TypeError(
      'these are no saved sessions, or another version of them: remove them to start without',
    );
  }
  const count = bytes.readUInt32LE(4);
  const end = HEAD_BYTES + count * RECORD_BYTES;
  if (bytes.length !== end + CRC_BYTES || bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) {
    throw new TypeError('the saved sessions are damaged: remove them to start without');
  }
  return Array.from({ length: count }, (_, index) => readRecord(bytes, HEAD_BYTES + index * RECORD_BYTES));
}

function readRecord(bytes: Buffer, at: number): SessionRecord {
  return {
    high: bytes.readInt32LE(at),
    low: bytes.readInt32LE(at + 4),
    address: bytes.readInt32LE(at + 8),
    salt: bytes.readInt32LE(at + 12),
    ttlMs: bytes.readInt32LE(at + 16),
    idleMs: bytes.readInt32LE(at + 20),
    firstUse: bytes.readDoubleLE(at + 24),
    lastUse: bytes.readDoubleLE(at + 32),
  };
}
