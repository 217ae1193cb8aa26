/** Runs `task` for 0 … count-1, `atOnce` at a time; the first failure ends it. */
export async function each(
  count: number,
  atOnce: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, lane));
}
