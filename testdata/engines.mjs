// Runs every program of a folder: `node FLAGS engines.mjs FOLDER`. Beside NAME.wasm come NAME.out (what it wrote),
// NAME.mem (its memory in the end) and NAME.txt (its status and the integers among its exported globals).
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Exit, wasi } from './small_wasi.mjs';

const folder = process.argv[2];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.wasm')).sort()) {
  const name = file.slice(0, -5);
  const { run, imports } = wasi([name]);
  const module = new WebAssembly.Module(readFileSync(join(folder, file)));
  const exports = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports }).exports;
  run.memory = exports.memory;
  let end = 'exited';
  try {
    exports._start();
  } catch (e) {
    if (!(e instanceof Exit)) end = `trapped ${e.message}`;
  }
  writeFileSync(join(folder, `${name}.out`), Buffer.concat(run.output));
  writeFileSync(join(folder, `${name}.mem`), new Uint8Array(run.memory.buffer));
  const lines = [`${end} ${run.status}`];
  for (const [key, value] of Object.entries(exports)) {
    if (value instanceof WebAssembly.Global && (typeof value.value === 'bigint' || Number.isInteger(value.value)))
      lines.push(`${key} ${value.value}`);
  }
  writeFileSync(join(folder, `${name}.txt`), lines.join('\n') + '\n');
}
