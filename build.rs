//! Links the add-on against Node-API when the binding is built, and folds what is in it twice.

fn main() {
    // A core build (--no-default-features) makes no add-on.
    #[cfg(feature = "node")]
    {
        napi_build::setup();
        // Cargo does not look into the file of arguments.
        println!("cargo:rerun-if-changed=scripts/rustc.args");
        println!("cargo:rerun-if-changed=build.rs");
        if linker_is_lld() {
            // One copy of what monomorphisation has made twice: 18 kB of 4.2 MB.
            println!("cargo:rustc-cdylib-link-arg=-Wl,--icf=all");
        }
    }
}

/// From Rust 1.90 on the linker of this target is the lld that comes with Rust, unless somebody chose another.
#[cfg(feature = "node")]
fn linker_is_lld() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    let version = || {
        let output = std::process::Command::new(std::env::var_os("RUSTC")?).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.split('.').nth(1)?.parse::<u32>().ok()
    };
    is("TARGET", "x86_64-unknown-linux-gnu")
        && std::env::var_os("RUSTC_LINKER").is_none()
        && version().is_some_and(|minor| minor >= 90)
}
