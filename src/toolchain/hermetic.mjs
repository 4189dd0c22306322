// Runs clang, wasm-ld and the other tools of a module `llvm.wasm` (WASI preview 1) on the real
// file system, as if they were native:
//
//     node hermetic.mjs llvm.wasm clang -O2 -c a.c -o a.o
//     node hermetic.mjs llvm.wasm --serve
//
// A server saves all but the first start: it reads one job a line, {"args": [...], "env": {...},
// "stdin": "..."}, and answers each with a line, {"status": 0, "stdout": "...", "stderr": "..."}.
// A character of those three texts is a byte. It ends with its standard input.

import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import v8 from 'node:v8';

// The module was checked by its hash, and a run uses a tenth of its functions: what is not called
// need not be validated. Optimizing code pays in long runs only. Measured on hello, iostream and
// SQLite; a V8 that does not know these ignores them.
v8.setFlagsFromString('--wasm-lazy-validation');
v8.setFlagsFromString('--wasm-tiering-budget=100000000');

// Errors are thrown for every header that is not in the first folder; their stacks cost time.
Error.stackTraceLimit = 0;

// wasi-libc's variable __wasilibc_cwd in this build of the module: a pointer to the text "/".
// It is pointed to the name of Node's folder before `main`, so that relative paths mean what they
// mean everywhere else; WASI itself knows no current folder.
const CWD_POINTER = 17855816;

const ERRNO = {
    EACCES: 2, EAGAIN: 6, EBADF: 8, EBUSY: 10, EEXIST: 20, EFBIG: 22, EINVAL: 28, EIO: 29, EISDIR: 31,
    ELOOP: 32, EMFILE: 33, EMLINK: 34, ENAMETOOLONG: 37, ENFILE: 41, ENOENT: 44, ENOMEM: 48, ENOSPC: 51,
    ENOSYS: 52, ENOTDIR: 54, ENOTEMPTY: 55, EDQUOT: 19, EPERM: 63, EPIPE: 64, EROFS: 69, ESPIPE: 70,
    ETXTBSY: 74, EXDEV: 75,
};
const TYPE = { unknown: 0, block: 1, character: 2, directory: 3, file: 4, link: 7 };
const RIGHT_READ = 1n << 1n, RIGHT_SEEK = 1n << 2n, RIGHT_TELL = 1n << 5n, RIGHT_WRITE = 1n << 6n;
const ALL_RIGHTS = (1n << 30n) - 1n;
const OPEN_CREATE = 1, OPEN_DIRECTORY = 2, OPEN_EXCLUSIVE = 4, OPEN_TRUNCATE = 8, FLAG_APPEND = 1;
const FOLLOW = 1;
// What changes a compiler's work by its documentation. Nothing else of the environment reaches it.
const ENVIRONMENT = ['SOURCE_DATE_EPOCH', 'CPATH', 'C_INCLUDE_PATH', 'CPLUS_INCLUDE_PATH', 'NO_COLOR', 'TERM'];

class Exit extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

/** One run of a program: its arguments, its open files, its memory. */
class Run {
    constructor(args, streams, environment) {
        this.args = args;
        this.env = ENVIRONMENT.filter(name => environment[name] !== undefined).map(name => `${name}=${environment[name]}`);
        this.folder = process.cwd();
        this.env.push(`PWD=${this.folder}`);
        this.files = [streams.stdin, streams.stdout, streams.stderr, { directory: '/', preopened: '/' }];
        this.random = 0x9e3779b9;
    }

    /** The status with which the program ends. */
    run(module) {
        const imports = {};
        for (const { name } of WebAssembly.Module.imports(module)) {
            const call = this[name];
            if (call === undefined) throw new Error(`the module wants ${name}, which is unknown`);
            imports[name] = (...operands) => {
                try {
                    return call.apply(this, operands) ?? 0;
                } catch (error) {
                    if (error instanceof Exit || error instanceof RangeError) throw error;
                    return ERRNO[error.code] ?? ERRNO.EIO;
                }
            };
        }
        const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports });
        this.memory = instance.exports.memory;
        try {
            instance.exports._start();
            return 0;
        } catch (error) {
            // A trap is LLVM's own assertion or crash, which it has reported; 134 is a shell's word for it.
            if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
                this.report(`error: the compiler crashed: ${error.message}\n`);
                return 134;
            }
            if (!(error instanceof Exit)) throw error;
            if (error.message) this.report(`${error.message}\n`);
            return error.status;
        } finally {
            for (const file of this.files) if (file?.fd > 2) fs.closeSync(file.fd);
        }
    }

    report(text) {
        this.fd_write_bytes(this.files[2], new TextEncoder().encode(text));
    }

    get view() {
        if (this.viewed?.buffer !== this.memory.buffer) this.viewed = new DataView(this.memory.buffer);
        return this.viewed;
    }

    get bytes() {
        if (this.byted?.buffer !== this.memory.buffer) this.byted = new Uint8Array(this.memory.buffer);
        return this.byted;
    }

    text(at, length) {
        return new TextDecoder().decode(this.bytes.subarray(at, at + length));
    }

    file(fd) {
        const file = this.files[fd];
        if (file === undefined || file === null) throw { code: 'EBADF' };
        return file;
    }

    /** The host's path of a path below an open folder. */
    path(fd, at, length) {
        const { directory } = this.file(fd);
        if (directory === undefined) throw { code: 'ENOTDIR' };
        return path.posix.join(directory, this.text(at, length));
    }

    strings(list, pointers, at) {
        const encoder = new TextEncoder();
        for (const string of list) {
            this.view.setUint32(pointers, at, true);
            pointers += 4;
            const encoded = encoder.encode(string + '\0');
            this.bytes.set(encoded, at);
            at += encoded.length;
        }
        return at;
    }

    sizes(list, count, size) {
        this.view.setUint32(count, list.length, true);
        this.view.setUint32(size, list.reduce((sum, string) => sum + Buffer.byteLength(string) + 1, 0), true);
    }

    // The folder's name lies behind the arguments, in memory that libc asked for and never frees.
    args_get(pointers, at) {
        const folder = this.strings(this.args, pointers, at);
        const old = this.view.getUint32(CWD_POINTER, true);
        if (this.text(old, 2) !== '/\0') throw new Exit(70, 'error: this script belongs to another build of the module');
        this.bytes.set(new TextEncoder().encode(this.folder + '\0'), folder);
        this.view.setUint32(CWD_POINTER, folder, true);
    }

    args_sizes_get(count, size) {
        this.sizes(this.args, count, size);
        this.view.setUint32(size, this.view.getUint32(size, true) + Buffer.byteLength(this.folder) + 1, true);
    }

    environ_get(pointers, at) {
        this.strings(this.env, pointers, at);
    }

    environ_sizes_get(count, size) { this.sizes(this.env, count, size); }

    clock_time_get(id, _precision, at) {
        const now = id === 0 ? BigInt(Date.now()) * 1000000n : process.hrtime.bigint();
        this.view.setBigUint64(at, now, true);
    }

    // Names of temporary files come from it, which are opened exclusively: no need for entropy.
    random_get(at, length) {
        for (let i = 0; i < length; i++) {
            this.random ^= this.random << 13;
            this.random ^= this.random >>> 17;
            this.random ^= this.random << 5;
            this.bytes[at + i] = this.random;
        }
    }

    proc_exit(status) { throw new Exit(status); }
    poll_oneoff() { return ERRNO.ENOSYS; }

    fd_prestat_get(fd, at) {
        const { preopened } = this.file(fd);
        if (preopened === undefined) return ERRNO.EBADF;
        this.view.setUint32(at, 0, true);
        this.view.setUint32(at + 4, preopened.length, true);
    }

    fd_prestat_dir_name(fd, at) { this.bytes.set(new TextEncoder().encode(this.file(fd).preopened), at); }

    fd_fdstat_get(fd, at) {
        const file = this.file(fd);
        const type = file.directory !== undefined ? TYPE.directory : file.fd === undefined ? TYPE.unknown : typeOf(fs.fstatSync(file.fd));
        const rights = type === TYPE.character ? ALL_RIGHTS & ~(RIGHT_SEEK | RIGHT_TELL) : ALL_RIGHTS;
        this.view.setUint8(at, type);
        this.view.setUint16(at + 2, file.append ? FLAG_APPEND : 0, true);
        this.view.setBigUint64(at + 8, rights, true);
        this.view.setBigUint64(at + 16, rights, true);
    }

    stat(stat, at) {
        const view = this.view;
        view.setBigUint64(at, stat.dev, true);
        view.setBigUint64(at + 8, stat.ino, true);
        view.setUint8(at + 16, typeOf(stat));
        view.setBigUint64(at + 24, stat.nlink, true);
        view.setBigUint64(at + 32, stat.size, true);
        view.setBigUint64(at + 40, stat.atimeNs, true);
        view.setBigUint64(at + 48, stat.mtimeNs, true);
        view.setBigUint64(at + 56, stat.ctimeNs, true);
    }

    fd_filestat_get(fd, at) {
        const file = this.file(fd);
        if (file.fd === undefined && file.directory === undefined) {
            this.bytes.fill(0, at, at + 64);
            return;
        }
        this.stat(file.directory !== undefined ? fs.statSync(file.directory, { bigint: true }) : fs.fstatSync(file.fd, { bigint: true }), at);
    }

    path_filestat_get(fd, flags, at, length, to) {
        const stat = (flags & FOLLOW ? fs.statSync : fs.lstatSync)(this.path(fd, at, length), { bigint: true, throwIfNoEntry: false });
        if (stat === undefined) return ERRNO.ENOENT;
        this.stat(stat, to);
    }

    fd_filestat_set_size(fd, size) { fs.ftruncateSync(this.file(fd).fd, Number(size)); }

    fd_filestat_set_times(fd, accessed, modified, flags) {
        const { fd: host } = this.file(fd);
        const stat = fs.fstatSync(host);
        const time = (given, now, value, old) => (flags & now ? Date.now() / 1000 : flags & given ? Number(value) / 1e9 : old);
        fs.futimesSync(host, time(1, 2, accessed, stat.atimeMs / 1000), time(4, 8, modified, stat.mtimeMs / 1000));
    }

    path_open(fd, _follow, at, length, how, rights, _inheriting, flags, to) {
        const name = this.path(fd, at, length);
        const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY } = fs.constants;
        const writes = (rights & RIGHT_WRITE) !== 0n;
        let open = writes ? (rights & RIGHT_READ ? O_RDWR : O_WRONLY) : O_RDONLY;
        if (how & OPEN_CREATE) open |= O_CREAT;
        if (how & OPEN_EXCLUSIVE) open |= O_EXCL;
        if (how & OPEN_TRUNCATE) open |= O_TRUNC;
        if (how & OPEN_DIRECTORY) open |= O_DIRECTORY;
        if (flags & FLAG_APPEND) open |= O_APPEND;
        const host = fs.openSync(name, open, 0o666);
        const directory = fs.fstatSync(host).isDirectory() ? name : undefined;
        let free = this.files.indexOf(null);
        if (free < 0) free = this.files.length;
        this.files[free] = { fd: host, position: 0, append: (flags & FLAG_APPEND) !== 0, directory };
        this.view.setUint32(to, free, true);
    }

    fd_close(fd) {
        const file = this.file(fd);
        this.files[fd] = null;
        if (file.fd > 2) fs.closeSync(file.fd);
    }

    *vectors(at, count) {
        for (let i = 0; i < count; i++, at += 8) {
            const start = this.view.getUint32(at, true);
            yield this.bytes.subarray(start, start + this.view.getUint32(at + 4, true));
        }
    }

    read(file, at, count, position) {
        let total = 0;
        for (const part of this.vectors(at, count)) {
            if (part.length === 0) continue;
            const got = file.bytes ? take(file, part) : readSome(file.fd, part, position === null ? null : position + total);
            total += got;
            if (got < part.length) break;
        }
        return total;
    }

    fd_read(fd, at, count, to) {
        const file = this.file(fd);
        if (file.directory !== undefined) return ERRNO.EISDIR;
        // Standard input may be a pipe, which has no position.
        const total = this.read(file, at, count, file.position ?? null);
        if (file.position !== undefined) file.position += total;
        this.view.setUint32(to, total, true);
    }

    fd_pread(fd, at, count, offset, to) {
        const file = this.file(fd);
        if (file.directory !== undefined) return ERRNO.EISDIR;
        this.view.setUint32(to, this.read(file, at, count, Number(offset)), true);
    }

    fd_write(fd, at, count, to) {
        const file = this.file(fd);
        let total = 0;
        for (const part of this.vectors(at, count)) {
            this.fd_write_bytes(file, part);
            total += part.length;
        }
        this.view.setUint32(to, total, true);
    }

    fd_write_bytes(file, bytes) {
        if (file.written) file.written.push(Buffer.from(bytes));
        else writeAll(file.fd, bytes, file.append || file.position === undefined ? null : file.position);
        if (file.position !== undefined) file.position += bytes.length;
    }

    fd_seek(fd, offset, whence, to) {
        const file = this.file(fd);
        if (file.position === undefined) return ERRNO.ESPIPE;
        const base = whence === 0 ? 0 : whence === 1 ? file.position : fs.fstatSync(file.fd).size;
        const position = base + Number(offset);
        if (position < 0) return ERRNO.EINVAL;
        file.position = position;
        this.view.setBigUint64(to, BigInt(position), true);
    }

    fd_readdir(fd, at, length, cookie, to) {
        const file = this.file(fd);
        if (file.directory === undefined) return ERRNO.ENOTDIR;
        // In the order of names, because the host's order differs from machine to machine.
        file.entries ??= fs.readdirSync(file.directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
        let used = 0;
        for (let i = Number(cookie); i < file.entries.length && used < length; i++) {
            const entry = file.entries[i];
            const name = new TextEncoder().encode(entry.name);
            const record = new Uint8Array(24 + name.length);
            const view = new DataView(record.buffer);
            view.setBigUint64(0, BigInt(i + 1), true);
            view.setUint32(16, name.length, true);
            view.setUint8(20, typeOf(entry));
            record.set(name, 24);
            const part = record.subarray(0, Math.min(record.length, length - used));
            this.bytes.set(part, at + used);
            used += part.length;
        }
        this.view.setUint32(to, used, true);
    }

    path_create_directory(fd, at, length) { fs.mkdirSync(this.path(fd, at, length)); }
    path_unlink_file(fd, at, length) { fs.unlinkSync(this.path(fd, at, length)); }
    path_remove_directory(fd, at, length) { fs.rmdirSync(this.path(fd, at, length)); }
    path_rename(fd, at, length, toFd, to, toLength) { fs.renameSync(this.path(fd, at, length), this.path(toFd, to, toLength)); }
    path_link(fd, _flags, at, length, toFd, to, toLength) { fs.linkSync(this.path(fd, at, length), this.path(toFd, to, toLength)); }
    path_symlink(from, fromLength, fd, at, length) { fs.symlinkSync(this.text(from, fromLength), this.path(fd, at, length)); }

    path_readlink(fd, at, length, to, toLength, used) {
        const link = new TextEncoder().encode(fs.readlinkSync(this.path(fd, at, length))).subarray(0, toLength);
        this.bytes.set(link, to);
        this.view.setUint32(used, link.length, true);
    }
}

function typeOf(stat) {
    if (stat.isFile()) return TYPE.file;
    if (stat.isDirectory()) return TYPE.directory;
    if (stat.isCharacterDevice()) return TYPE.character;
    if (stat.isSymbolicLink()) return TYPE.link;
    return stat.isBlockDevice() ? TYPE.block : TYPE.unknown;
}

/** Waits where a pipe or terminal that does not block has nothing for now. */
function patiently(attempt) {
    for (;;) {
        try {
            return attempt();
        } catch (error) {
            if (error.code === 'EOF') return 0;
            if (error.code !== 'EAGAIN') throw error;
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        }
    }
}

function readSome(fd, into, position) {
    return patiently(() => fs.readSync(fd, into, 0, into.length, position));
}

function writeAll(fd, bytes, position) {
    let done = 0;
    while (done < bytes.length) {
        done += patiently(() => fs.writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done));
    }
}

/** Moves bytes of a standard input that is in memory. */
function take(file, into) {
    const part = file.bytes.subarray(0, into.length);
    into.set(part);
    file.bytes = file.bytes.subarray(part.length);
    return part.length;
}

/** Runs one job after the other, until there are no more. */
function serve(module) {
    const chunk = Buffer.alloc(65536);
    let pending = [];
    for (;;) {
        const got = readSome(0, chunk, null);
        if (got === 0) return;
        let rest = Buffer.from(chunk.subarray(0, got));
        for (let end; (end = rest.indexOf(10)) >= 0; rest = rest.subarray(end + 1)) {
            pending.push(rest.subarray(0, end));
            const job = JSON.parse(Buffer.concat(pending).toString());
            pending = [];
            const streams = { stdin: { bytes: Buffer.from(job.stdin, 'latin1') }, stdout: { written: [] }, stderr: { written: [] } };
            const status = new Run(['llvm', ...job.args], streams, { ...process.env, ...job.env }).run(module);
            const text = stream => Buffer.concat(stream.written).toString('latin1');
            writeAll(1, Buffer.from(JSON.stringify({ status, stdout: text(streams.stdout), stderr: text(streams.stderr) }) + '\n'), null);
        }
        pending.push(rest);
    }
}

const [file, ...args] = process.argv.slice(2);
const module = new WebAssembly.Module(fs.readFileSync(file));
if (args[0] === '--serve') serve(module);
else {
    const streams = { stdin: { fd: 0 }, stdout: { fd: 1 }, stderr: { fd: 2 } };
    process.exitCode = new Run(['llvm', ...args], streams, process.env).run(module);
}
