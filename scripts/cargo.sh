#!/bin/sh
# `cargo` as napi calls it. Cargo leaves out link-time optimisation where a crate is built as an rlib, too, which tests and
# benches need; so the add-on is built alone. scripts/rustc.args: calls are inlined where that makes little code (docs/packaging.md).
if [ "$1" = build ]; then
  shift
  set -- rustc --lib --crate-type cdylib "$@" -- @scripts/rustc.args
fi
exec cargo "$@"
