/** What the bench has to know of a proxy to measure it. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Protocol } from '../job.ts';
import { findProgram } from '../processes.ts';

/** Where a proxy is to be started. */
export interface Site {
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** The sink's port on 127.0.0.1, for a proxy with a fixed target. */
  readonly sinkPort: number;
  /** A folder for its files. */
  readonly folder: string;
  /** Tunnels it must be able to hold at once. */
  readonly tunnels: number;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** For a program that writes a line a connection and cannot be told not to. */
  readonly discardOutput?: boolean;
  /** What it says once it serves; without, it does as soon as it accepts a connection. */
  readonly ready?: RegExp;
}

export interface Installed {
  readonly version: string;
  command(site: Site): Command;
}

export interface Missing {
  readonly missing: string;
}

export interface Opponent {
  readonly name: string;
  /** The first one also carries the axes that do not ask for a protocol. */
  readonly protocols: readonly Protocol[];
  /** How it was set up, for the reader of the table. */
  readonly setup: string;
  /** Clients have to log in. */
  readonly login?: true;
  /** Open files that a tunnel takes, where it is not two. */
  readonly descriptors?: number;
  /** Compiles while it runs: it is warmed up longer. */
  readonly compiles?: true;
  find(folder: string): Installed | Missing;
}

export const NOT_INSTALLED: Missing = { missing: 'not installed' };

/**
 * The entry of a program that takes part where it is installed.
 *
 * @param version Arguments that make it tell its version, and where that stands.
 */
export function program(
  names: readonly string[],
  version: readonly [args: readonly string[], pattern: RegExp],
  command: (file: string, site: Site) => Command,
): Installed | Missing {
  const file = names.map(findProgram).find((found) => found !== undefined);
  if (file === undefined) return NOT_INSTALLED;
  return { version: versionFrom(file, ...version), command: (site) => command(file, site) };
}

/** The first match of `pattern` in what a program says about itself. */
export function versionFrom(file: string, args: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 10_000 });
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown version';
}

/** Writes a configuration file and returns its path. */
export function configFile(site: Site, name: string, text: string): string {
  const path = join(site.folder, name);
  writeFileSync(path, text);
  return path;
}

/** The version of a Debian package, for a program that does not tell its own. */
export const packageVersion = (name: string): string =>
  versionFrom('dpkg-query', ['-W', '-f', '${Version}', name], /^([\d.]+)/);
