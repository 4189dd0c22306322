// Runs a module in Node's WASI: `node wasi.mjs MODULE [ARGS]`, with the current folder granted.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { WASI } from 'node:wasi';

const [path, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args: [basename(path), ...args], preopens: { '.': '.' } });
const { instance } = await WebAssembly.instantiate(readFileSync(path), wasi.getImportObject());
process.exitCode = wasi.start(instance);
