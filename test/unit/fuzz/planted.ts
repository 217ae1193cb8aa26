/** A target with a mistake behind four doors, one inside the other: chance alone would need billions of inputs. */
import type { Target } from '../../fuzz/target.ts';

// One door is one block of source: nothing but coverage says that it stands open.
function door(input: Buffer, at: number): void {
  if (at === 0 && input[0] === 0x67) door(input, 1);
  else if (at === 1 && input[1] === 0x79) door(input, 2);
  else if (at === 2 && input[2] === 0x72) door(input, 3);
  else if (at === 3 && input[3] === 0x65) throw new Error('the planted mistake');
}

export const planted: Target = {
  longest: 64,
  words: [],
  run(input) {
    door(input, 0);
    return 'fine';
  },
};
