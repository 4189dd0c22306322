// Runs every program of a folder: `node FLAGS engines.mjs FOLDER`. Beside NAME.wasm come NAME.out (what it wrote),
// NAME.mem (its memory in the end) and NAME.txt (its status and the integers among its exported globals).
// A smaller WASI than Node's, the same as the tests give to other engines: nothing in it varies.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

class Exit extends Error {}

function wasi(args) {
  const run = { output: [], status: 0, memory: null };
  const view = () => new DataView(run.memory.buffer);
  const bytes = () => new Uint8Array(run.memory.buffer);
  const calls = {
    proc_exit(status) { run.status = status; throw new Exit(); },
    args_sizes_get(count, size) {
      view().setUint32(count, args.length, true);
      view().setUint32(size, args.reduce((sum, arg) => sum + arg.length + 1, 0), true);
      return 0;
    },
    args_get(pointers, text) {
      args.forEach((arg, n) => {
        view().setUint32(pointers + 4 * n, text, true);
        bytes().set(Buffer.from(arg + '\0'), text);
        text += arg.length + 1;
      });
      return 0;
    },
    environ_sizes_get(count, size) { view().setUint32(count, 0, true); view().setUint32(size, 0, true); return 0; },
    environ_get() { return 0; },
    clock_time_get(_, __, at) { view().setBigUint64(at, 0n, true); return 0; },
    random_get(at, length) { bytes().fill(42, at, at + length); return 0; },
    fd_write(fd, vectors, count, written) {
      if (fd !== 1 && fd !== 2) return 8;
      let total = 0;
      for (let n = 0; n < count; n++) {
        const start = view().getUint32(vectors + 8 * n, true), length = view().getUint32(vectors + 8 * n + 4, true);
        run.output.push(Buffer.from(bytes().slice(start, start + length)));
        total += length;
      }
      view().setUint32(written, total, true);
      return 0;
    },
    fd_fdstat_get(fd, at) {
      if (fd > 2) return 8;
      bytes().fill(0, at, at + 24);
      bytes()[at] = 2;
      view().setUint32(at + 8, 0x40, true);
      return 0;
    },
    fd_close() { return 0; },
  };
  const handler = { get: (_, name) => calls[name] ?? (() => (name.startsWith('fd_') ? 8 : 52)) };
  return { run, imports: new Proxy({}, handler) };
}

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
