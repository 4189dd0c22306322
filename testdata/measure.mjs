// Times modules in V8: `node FLAGS measure.mjs FOLDER RUN NAME ARGUMENT...`. Of 0.wasm, 1.wasm and 2.wasm, as a line of JSON: what
// each takes, the median in milliseconds. They take turns; which is the first depends on the number of the run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Exit, wasi } from './small_wasi.mjs';

const [folder, number, ...args] = process.argv.slice(2);
// Milliseconds for which a program is run.
const SAMPLE = 100;
const SIDES = 3;
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
// The sides in the order of a turn, each of them first now and then.
const turns = (turn) => Array.from({ length: SIDES }, (_, at) => (turn + at) % SIDES);

function time(module) {
  const { run, imports } = wasi(args);
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

const modules = [];
for (const side of turns(Number(number))) {
  modules[side] = new WebAssembly.Module(readFileSync(join(folder, `${side}.wasm`)));
}
// The first run of each is left out; it says how often a short program must run to be measured.
const first = modules.map((module) => time(module));
const again = Math.min(100, Math.ceil(SAMPLE / first[0]));
const times = modules.map(() => []);
for (let turn = 0; turn < again; turn++) {
  for (const side of turns(turn)) times[side].push(time(modules[side]));
}
console.log(JSON.stringify(times.map(median)));
