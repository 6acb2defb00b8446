//! Links the add-on against Node-API when the binding is built.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
