// Uses what wasm-bindgen made in the folder that is named, and prints what came back.
import { createRequire } from 'node:module';

const made = createRequire(import.meta.url)(process.argv[2]);
const counter = new made.Counter('a few words of some length');
console.log(counter.longest(), [...counter.lengths()].join());
globalThis.visit = (word) => console.log(word(0), word(0.5), word(2.5));
counter.lend();
console.log(made.greet('wbuild'));
try {
  made.greet('');
} catch (error) {
  console.log(error.message);
}
