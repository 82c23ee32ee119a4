use std::io;

use casemate_core::MemorySource;
use proptest::prelude::*;

use super::*;

fn of(name: &str, content: &[u8]) -> (AssetKind, &'static str) {
    let class = classify(&name.into(), &MemorySource(content));
    (class.kind, class.format)
}

fn protobuf(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0x08, 0x08];
    for (number, content) in fields {
        bytes.extend([number << 3 | 2, u8::try_from(content.len()).expect("short")]);
        bytes.extend_from_slice(content);
    }
    bytes
}

const NOTEBOOK: &[u8] =
    br#"{"cells": [{"cell_type": "code", "source": ["x = 1"]}], "metadata": {}}"#;
const MANIFEST: &[u8] =
    b"# ours\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n";
const WORKFLOW: &[u8] = b"name: ci\non:\n  push:\njobs:\n  a:\n    runs-on: x\n";
const IMAGE: &[u8] = b"# syntax=docker/dockerfile:1\nARG BASE=python:3.12\nFROM --platform=linux/amd64 ${BASE} AS build\nRUN pip install torch\n";
const COMPOSE: &[u8] = b"services:\n  web:\n    image: a\n";
const MODULE: &[u8] =
    b"resource \"aws_s3_bucket\" \"models\" {\n  bucket = \"m\"\n}\n\nlocals {\n}\n";
const TRAINING: &[u8] =
    b"\"\"\"Trains.\"\"\"\nimport numpy as np, torch\n\ndef main():\n    loss.backward()\n";
const SERVING: &[u8] =
    b"from fastapi import FastAPI\nimport joblib\n\ndef load():\n    return joblib.load('m')\n";
const LIST: &[u8] = b"# pinned\nnumpy==1.26.4\ntorch[cuda]>=2.0 ; python_version > '3.8'\nurllib3 @ https://e.org/u.whl\n";

#[test]
fn content_is_known_under_any_name() {
    use AssetKind::*;
    let onnx = protobuf(&[(2, b"pytorch"), (7, b"\x0a\x00")]);
    let cases: &[(&[u8], (AssetKind, &str))] = &[
        (b"\x80\x04K\x01.", (Model, "pickle")),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0\0\0\0\0", (Model, "hdf5")),
        (&onnx, (Model, "onnx")),
        (b"\x93NUMPY\x01\0v\0{'descr': '<f8', }", (Dataset, "npy")),
        (b"Obj\x01\x04\x14avro.codec\x08null\0", (Dataset, "avro")),
        (
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0>\0",
            (Executable, "elf"),
        ),
        (b"!<arch>\ndebian-binary   \x01\0", (Archive, "ar")),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", (Other, "png")),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            (Other, "git-lfs-pointer"),
        ),
        (
            b"version http://git-media.io/v/2\noid sha256:4d7a\nsize 12345\n",
            (Other, "git-lfs-pointer"),
        ),
        (b"", (Other, "empty")),
        (NOTEBOOK, (Notebook, "notebook")),
        (MANIFEST, (Kubernetes, "kubernetes")),
        (
            br#"{"kind": "Pod", "apiVersion": "v1"}"#,
            (Kubernetes, "kubernetes"),
        ),
        (
            b"apiVersion: v2\nname: web\nversion: 1.0.0\n",
            (Kubernetes, "helm-chart"),
        ),
        (
            b"{{- if .Values.on }}\napiVersion: v1\nkind: Service\n{{- end }}\n",
            (Kubernetes, "helm-template"),
        ),
        (
            b"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n",
            (Pipeline, "argo-workflow"),
        ),
        (
            b"apiVersion: \"tekton.dev/v1\"\nkind: Task\n",
            (Pipeline, "tekton"),
        ),
        (WORKFLOW, (Pipeline, "github-workflow")),
        (b"'on': push\njobs: {}\n", (Pipeline, "github-workflow")),
        (
            b"stages:\n  train:\n    cmd: python train.py\n",
            (Pipeline, "dvc"),
        ),
        (
            b"name: p\nentry_points:\n  main:\n    command: x\n",
            (Pipeline, "mlproject"),
        ),
        (IMAGE, (Container, "dockerfile")),
        (COMPOSE, (Container, "compose")),
        (MODULE, (Terraform, "terraform")),
        (
            br#"{"lockfileVersion": 3, "packages": {}}"#,
            (Lockfile, "package-lock"),
        ),
        (
            b"# yarn lockfile v1\n\n\na@^1:\n  version \"1\"\n",
            (Lockfile, "yarn-lock"),
        ),
        (
            b"name: e\nchannels:\n- conda-forge\ndependencies:\n- numpy\n",
            (Lockfile, "conda-environment"),
        ),
        (b"{\"a\": 1}\n{\"a\": 2}\n", (Dataset, "jsonl")),
        (br#"{"learning_rate": 0.1}"#, (Configuration, "json")),
        (
            b"#!/usr/bin/env python3\nprint(1)\n",
            (SourceCode, "python"),
        ),
        (b"#!/bin/sh -e\necho a\n", (SourceCode, "shell")),
    ];
    for (content, expected) in cases {
        for name in ["x", "weights.bin", "a/b.unknown"] {
            assert_eq!(
                of(name, content),
                *expected,
                "{name}: {}",
                content.escape_ascii()
            );
        }
    }
}

#[test]
fn names_decide_where_content_does_not() {
    use AssetKind::*;
    let cases: &[(&str, &[u8], (AssetKind, &str))] = &[
        ("train.py", TRAINING, (TrainingCode, "python")),
        ("serve.py", SERVING, (ServingCode, "python")),
        ("app.py", b"from vllm import LLM\n", (ServingCode, "python")),
        (
            "util.py",
            b"import torch\nx = torch.zeros(1)\n",
            (SourceCode, "python"),
        ),
        (
            "setup.py",
            b"import os\nmodel.fit(x)\n",
            (SourceCode, "python"),
        ),
        ("main.rs", b"fn main() {}\n", (SourceCode, "rust")),
        ("Makefile", b"all:\n\tcc a.c\n", (SourceCode, "make")),
        (
            "requirements-dev.txt",
            b"pytest\n-r requirements.txt\n",
            (Lockfile, "requirements"),
        ),
        ("pinned.txt", LIST, (Lockfile, "requirements")),
        (
            "poetry.lock",
            b"[[package]]\nname = \"a\"\n",
            (Lockfile, "poetry-lock"),
        ),
        (
            "Cargo.lock",
            b"version = 4\n[[package]]\nname = \"a\"\n",
            (Lockfile, "cargo-lock"),
        ),
        ("go.sum", b"a.b/c v1.0.0 h1:abc=\n", (Lockfile, "go-sum")),
        (
            "Dockerfile.gpu",
            b"from scratch\n",
            (Container, "dockerfile"),
        ),
        (
            ".gitlab-ci.yml",
            b"build:\n  script: make\n",
            (Pipeline, "gitlab-ci"),
        ),
        (
            "kustomization.yaml",
            b"resources:\n- a.yaml\n",
            (Kubernetes, "kustomize"),
        ),
        (
            "templates/_h.tpl",
            b"{{- define \"a\" -}}\n{{- end }}\n",
            (Kubernetes, "helm-template"),
        ),
        ("prod.tfvars", b"region = \"eu\"\n", (Terraform, "tfvars")),
        (
            "cards.csv",
            b"id,amount\n1,\"2,5\"\n2,3\n",
            (Dataset, "csv"),
        ),
        ("cards.tsv", b"id\tamount\n1\t2\n", (Dataset, "tsv")),
        ("one.jsonl", b"{\"a\": 1}\n", (Dataset, "jsonl")),
        (
            ".env.local",
            b"# local\nTOKEN=abc\nexport OTHER=1\n",
            (Configuration, "env"),
        ),
        ("a.toml", b"[a]\nb = 1\n", (Configuration, "toml")),
        (
            "a.yaml",
            b"some key: 1\nlearning rate: 2\n",
            (Configuration, "yaml"),
        ),
        (
            "README.md",
            b"# Title\n\n```\nimport torch\ndef f():\n```\n",
            (Document, "markdown"),
        ),
        (
            "page",
            b"<!DOCTYPE html>\n<html></html>\n",
            (Document, "html"),
        ),
        (
            "notes.txt",
            b"Dear all,\nhello, and goodbye.\n",
            (Document, "text"),
        ),
        (
            ".git/HEAD",
            b"ref: refs/heads/main\n",
            (VersionControl, "git"),
        ),
        ("a/.git/hooks/x", b"#!/bin/sh\n", (VersionControl, "git")),
    ];
    for (name, content, expected) in cases {
        assert_eq!(of(name, content), *expected, "{name}");
    }
}

#[test]
fn what_only_resembles_is_not_taken_for_it() {
    use AssetKind::*;
    let cases: &[(&str, &[u8], (AssetKind, &str))] = &[
        // Prose that begins with an instruction's word.
        (
            "a",
            b"FROM here to eternity, she said.\nRUN away!\n",
            (Document, "text"),
        ),
        (
            "a.py",
            b"from os import path\nRUN = 1\n",
            (SourceCode, "python"),
        ),
        // A manifest inside prose, and one inside a program.
        (
            "a.md",
            b"Write this:\n\napiVersion: v1\nkind: Pod\n",
            (Document, "markdown"),
        ),
        (
            "a.py",
            b"X = '''\napiVersion: v1\nkind: Pod\n'''\n",
            (SourceCode, "python"),
        ),
        // Terraform's words, in a sentence and as names of settings.
        ("a.txt", b"resource \"a\" is a \"b\"\n", (Document, "text")),
        ("a.ini", b"[provider]\ndata = 1\n", (Configuration, "ini")),
        // A section is not an array.
        ("a.toml", b"[true-names]\na = 1\n", (Configuration, "toml")),
        // A field too few for a table, and ragged lines.
        ("a.txt", b"one, two\nthree, four\n", (Document, "text")),
        ("a.csv", b"a,b\n1,2,3\n", (Document, "text")),
        // A protocol buffer of another type, and bytes of no type.
        (
            "a.pb",
            b"\x08\x08\x12\x02\xff\xfe\x3a\x00",
            (Other, "unknown"),
        ),
        (
            "a",
            b"\x00\x01\x02\x03\x04\x05\x06\x07\x08",
            (Other, "unknown"),
        ),
        // A word list is not a list of requirements.
        ("words.txt", b"apple\npear\nplum\n", (Document, "text")),
        // Outside of the directory of that name.
        ("x.git/HEAD", b"ref: refs/heads/main\n", (Document, "text")),
    ];
    for (name, content, expected) in cases {
        assert_eq!(
            of(name, content),
            *expected,
            "{name}: {}",
            content.escape_ascii()
        );
    }
}

#[test]
fn text_is_read_in_any_encoding() {
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(std::str::from_utf8(MANIFEST).expect("ASCII").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [b"\xef\xbb\xbf", MANIFEST].concat();
    let latin = [MANIFEST, b"# caf\xe9\n"].concat();
    for content in [&utf16, &marked, &latin] {
        assert_eq!(of("x", content), (AssetKind::Kubernetes, "kubernetes"));
    }
}

#[test]
fn a_record_file_is_known_by_its_checksum() {
    // CRC-32C of "123456789" is 0xe3069283 (RFC 3720, B.4 uses the same polynomial).
    assert_eq!(dataset::crc32c(b"123456789"), 0xe306_9283);
    let length = 5_u64.to_le_bytes();
    let masked = dataset::crc32c(&length)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8);
    let record = [&length[..], &masked.to_le_bytes(), b"hello\0\0\0\0"].concat();
    assert_eq!(of("x", &record), (AssetKind::Dataset, "tfrecord"));
    let mut broken = record;
    broken[8] ^= 1;
    assert_eq!(of("x", &broken), (AssetKind::Other, "unknown"));
}

/// A source as long as it says, of which nobody should read much.
struct Long {
    head: &'static [u8],
    read: std::sync::atomic::AtomicUsize,
}

impl Source for Long {
    fn len(&self) -> u64 {
        1 << 40
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.read
            .fetch_add(buf.len(), std::sync::atomic::Ordering::Relaxed);
        buf.fill(b'\n');
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        for (to, from) in buf.iter_mut().zip(self.head.iter().skip(start)) {
            *to = *from;
        }
        Ok(buf.len())
    }
}

#[test]
fn little_of_a_long_file_is_read() {
    let long = Long {
        head: NOTEBOOK,
        read: std::sync::atomic::AtomicUsize::new(0),
    };
    let class = classify(&"x".into(), &long);
    assert_eq!(class.kind, AssetKind::Notebook);
    assert!(long.read.into_inner() < 1 << 20);
}

struct Broken;

impl Source for Broken {
    fn len(&self) -> u64 {
        1
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("a fault of the medium"))
    }
}

#[test]
fn what_cannot_be_read_is_unknown() {
    assert_eq!(classify(&"train.py".into(), &Broken), UNKNOWN);
}

proptest! {
    #[test]
    fn nothing_panics_and_everything_is_of_some_kind(
        name in "[a-z.]{0,12}",
        start in proptest::sample::select(vec![
            &b""[..], b"{", b"[", b"{\"", b"PK\x03\x04", b"\x08\x08\x12", b"from ", b"a:", b"#!",
            b"FROM", b"import ", b"resource \"", b"\xff\xfe", b"- ", b"[[package]]\n",
        ]),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let class = classify(&name.as_str().into(), &MemorySource([start, &rest].concat()));
        prop_assert!(!class.format.is_empty());
    }

    #[test]
    fn text_of_odd_shapes_panics_nothing(
        name in proptest::sample::select(vec!["a", "a.csv", "Dockerfile", "requirements.txt", "a.py"]),
        text in "[\\[\\]{}\":,\\\\\n\r a-cFROMimport=#@-]{0,80}",
    ) {
        classify(&name.into(), &MemorySource(text.as_bytes()));
    }
}
