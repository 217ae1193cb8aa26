/** curl as every case runs it: quiet but for errors, without personal configuration, trusting the test's authority. */
import { assertThreeTurns, type Props } from './program-stage.ts';
import { runProgram, type Outcome, type RunOptions } from './program.ts';

/** The program a case with curl needs. */
export const CURL: readonly string[] = ['curl'];

export function curl(
  props: Props,
  args: readonly string[],
  options: Pick<RunOptions, 'env' | 'input'> = {},
): Promise<Outcome> {
  // -q first: no personal curlrc.
  const fixed = ['-q', '-sS', '--max-time', '15', '--cacert', props.certificate.caFile];
  return runProgram('curl', [...fixed, ...args], options);
}

/** Three curls with these options, one after the other: three connections, three addresses. */
export function curlThreeTurns(props: Props, proxy: readonly string[], origin: string): Promise<void> {
  return assertThreeTurns((path) => curl(props, [...proxy, origin + path]));
}

/** How many connections to 127.0.0.1 a curl with `-v` opened. */
export function connectionsOf({ stderr }: Outcome): number {
  return stderr.match(/^\* Connected to 127\.0\.0\.1 /gm)?.length ?? 0;
}
