// Times programs in V8: `node FLAGS measure.mjs FOLDER RUNS`. For every NAME.plain.wasm and NAME.hardened.wasm, run in turns,
// one line of JSON: the median of each in milliseconds.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Exit, wasi } from './small_wasi.mjs';

const [folder, runs] = process.argv.slice(2);
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

function time(module, name) {
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

for (const file of readdirSync(folder).filter((name) => name.endsWith('.plain.wasm')).sort()) {
  const name = file.slice(0, -'.plain.wasm'.length);
  const modules = ['plain', 'hardened'].map((kind) => new WebAssembly.Module(readFileSync(join(folder, `${name}.${kind}.wasm`))));
  // The first run of each is left out; it says how often a short program must run to be measured.
  const first = modules.map((module) => time(module, name));
  const again = Math.min(100, Math.ceil(60 / first[0]));
  const times = [[], []];
  for (let n = 0; n < Number(runs); n++) {
    modules.forEach((module, kind) => {
      let sum = 0;
      for (let k = 0; k < again; k++) sum += time(module, name);
      times[kind].push(sum / again);
    });
  }
  console.log(JSON.stringify({ name, plain: median(times[0]), hardened: median(times[1]) }));
}
