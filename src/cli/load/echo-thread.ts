/** The target of a load test that names none: the echo listener, on a thread of its own. */
import { parentPort } from 'node:worker_threads';
import { startEcho } from '../../ops/echo.ts';

const { endpoint } = await startEcho({ host: '127.0.0.1', port: 0 });
parentPort!.postMessage(endpoint.port);
