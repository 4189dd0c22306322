// A smaller WASI than Node's: arguments, output and an end, and nothing that varies. proof/src/wasi.rs gives the same to
// other engines.

export class Exit extends Error {}

export function wasi(args) {
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
