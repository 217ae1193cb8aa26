import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { threadId, Worker, type MessagePort } from 'node:worker_threads';
import { BcryptThread, bcryptOver } from '../../../../src/policy/users/bcrypt.ts';
import { runProgram } from '../../../support/program.ts';

/** Made by crypt(3) of libxcrypt; the first also by the reference implementation under the other two prefixes. */
const VECTORS: readonly (readonly [password: string, hash: string])[] = [
  ['correct horse', '$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'],
  ['correct horse', '$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'],
  ['correct horse', '$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'],
  ['a', '$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK'],
  ['üé', '$2b$05$......................ZGqWVP8JH4hcvNJv8ZBsYzrlxOf96GG'],
  ['x'.repeat(72), '$2y$04$......................SZFhVdUK5wGKY4lx/QrgUMHG0XsWjbi'],
];

/** Published with crypt_blowfish, as test vectors of its wrapper. */
const PUBLISHED: typeof VECTORS = [
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
  ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
];

const CORRECT = VECTORS[1]!;
const SLOW = '$2b$12$abcdefghijklmnopqrstuujCDsiLkEQLRCLrdg/CmmQ.tl7jBDqmu';

describe('a thread for bcrypt', () => {
  const bcrypt = new BcryptThread();
  after(() => bcrypt.close());

  it('knows the hashes of other programs', async () => {
    for (const [password, hash] of [...VECTORS, ...PUBLISHED]) {
      assert.equal((await bcrypt.verify(password, hash)).right, true, password);
      assert.equal((await bcrypt.verify(`${password} `.slice(-70), hash)).right, false, password);
    }
  });

  it('takes salts whose last character has bits without a meaning', async () => {
    const [password, hash] = CORRECT;
    const odd = hash.replace('stuuj', 'stuvj');
    assert.equal((await bcrypt.verify(password, odd)).right, true);
    assert.equal((await bcrypt.verify('wrong', odd)).right, false);
  });

  it('looks at 72 bytes, as bcrypt does, and never takes a NUL', async () => {
    const [password, hash] = VECTORS.at(-1)!;
    assert.equal((await bcrypt.verify(`${password}more`, hash)).right, true);
    // The same hash, since a password is repeated with a NUL behind it.
    assert.equal((await bcrypt.verify('correct horse\0correct horse', CORRECT[1])).right, false);
  });

  it('is another one than the one that asks, and always the same', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => bcrypt.verify(`guess ${i}`, CORRECT[1])),
    );
    const threads = new Set(answers.map(({ thread }) => thread));
    assert.equal(threads.size, 1);
    assert.ok(!threads.has(threadId));
  });

  it('works for other threads of the process as well', async () => {
    const port = bcrypt.port();
    const source = `
      const { workerData, parentPort, threadId } = require('node:worker_threads');
      import('${new URL('../../../../src/policy/users/bcrypt.ts', import.meta.url).href}').then(async ({ bcryptOver }) => {
        const bcrypt = bcryptOver(workerData.port);
        const verdicts = [];
        for (const password of workerData.passwords) verdicts.push(await bcrypt.verify(password, workerData.hash));
        parentPort.postMessage({ verdicts, own: threadId });
        bcrypt.close();
        await bcrypt.verify('late', workerData.hash).catch((error) => parentPort.postMessage(error.message));
      });`;
    const worker = new Worker(source, {
      eval: true,
      execArgv: [],
      workerData: { port, hash: CORRECT[1], passwords: [CORRECT[0], 'wrong'] },
      transferList: [port],
    });
    const messages: unknown[] = [];
    worker.on('message', (message) => messages.push(message));
    await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    const [{ verdicts, own }, late] = messages as [
      { verdicts: { right: boolean; thread: number }[]; own: number },
      string,
    ];
    const { thread } = await bcrypt.verify('x', CORRECT[1]);
    assert.deepEqual(verdicts, [{ right: true, thread }, { right: false, thread }]); // prettier-ignore
    assert.ok(own !== thread);
    assert.match(late, /no longer verified/);
  });
});

describe('the thread for bcrypt', () => {
  it('is replaced when it dies, and its questions are asked again', async (context) => {
    const bcrypt = new BcryptThread();
    context.after(() => bcrypt.close());
    const started: Worker[] = [];
    const note = (worker: Worker): unknown => started.push(worker);
    process.on('worker', note);
    context.after(() => process.off('worker', note));
    const { thread } = await bcrypt.verify('x', CORRECT[1]);
    const answers = [bcrypt.verify('guess', SLOW), bcrypt.verify(...CORRECT)];
    await started[0]!.terminate();
    const [wrong, right] = await Promise.all(answers);
    assert.deepEqual([wrong?.right, right?.right], [false, true]);
    assert.notEqual(right?.thread, thread);
    assert.equal(started.length, 2);
    // It may also be its own fault: then there is no answer, and the next question has a thread again.
    await assert.rejects(
      bcrypt.verify('x', 'no hash at all, and long enough to have a salt in it'),
      /has ended/,
    );
    assert.equal((await bcrypt.verify(...CORRECT)).right, true);
    assert.equal(started.length, 4);
  });

  it('answers nobody after its end', async () => {
    const bcrypt = new BcryptThread();
    const far: MessagePort = bcrypt.port();
    const over = bcryptOver(far);
    assert.equal((await over.verify(...CORRECT)).right, true);
    const under = [over.verify('guess', SLOW), bcrypt.verify('guess', SLOW)];
    bcrypt.close();
    for (const answer of under) await assert.rejects(answer);
    await assert.rejects(bcrypt.verify(...CORRECT), /no longer verified/);
    await assert.rejects(over.verify(...CORRECT));
  });

  it('takes a bounded number of questions', async (context) => {
    const bcrypt = new BcryptThread();
    context.after(() => bcrypt.close());
    const answers = Array.from({ length: 300 }, () => bcrypt.verify(...CORRECT));
    const results = await Promise.allSettled(answers);
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 256);
  });

  it('keeps no program alive, but a program waits for its answers', async () => {
    const script = `
      const { BcryptThread } = await import('${new URL('../../../../src/policy/users/bcrypt.ts', import.meta.url).href}');
      const bcrypt = new BcryptThread();
      bcrypt.port();
      bcrypt.verify('correct horse', '${CORRECT[1]}').then(({ right }) => console.log(right));`;
    const { stdout } = await runProgram(process.execPath, ['--input-type=module', '--eval', script]);
    assert.equal(stdout.trim(), 'true');
  });
});
