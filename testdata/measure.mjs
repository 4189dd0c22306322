// Times a program in V8: `node FLAGS measure.mjs FOLDER RUN NAME`. Of NAME.plain.wasm and NAME.hardened.wasm, as a line of JSON:
// what each takes, the median in milliseconds. They take turns; which is the first depends on the number of the run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Exit, wasi } from './small_wasi.mjs';

const [folder, run, name] = process.argv.slice(2);
// Milliseconds for which a program is run.
const SAMPLE = 100;
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

function time(module) {
  const { run, imports } = wasi([name, 'large']);
  const exports = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports }).exports;
  run.memory = exports.memory;
  const start = performance.now();
  try {
    exports._start();
  } catch (e) {
    if (!(e instanceof Exit) || run.status !== 0) throw e;
  }
  return performance.now() - start;
}

const kinds = Number(run) % 2 ? ['hardened', 'plain'] : ['plain', 'hardened'];
const modules = kinds.map((kind) => new WebAssembly.Module(readFileSync(join(folder, `${name}.${kind}.wasm`))));
// The first run of each is left out; it says how often a short program must run to be measured.
const first = modules.map((module) => time(module));
const again = Math.min(100, Math.ceil(SAMPLE / first[0]));
const times = [[], []];
for (let n = 0; n < again; n++) {
  for (const kind of n % 2 ? [1, 0] : [0, 1]) times[kind].push(time(modules[kind]));
}
console.log(JSON.stringify({ [kinds[0]]: median(times[0]), [kinds[1]]: median(times[1]) }));
