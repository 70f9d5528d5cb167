//! The daemon: configuration, REST, web pages and subcommands around `broker-core`. A library, so that demo and tests can link it.

pub mod cli;
pub mod daemon;
pub mod house;
mod past;
pub mod serve;
pub mod tls;
mod supervisor;
pub mod routes;
mod api;
mod web;
mod openapi;
mod operations;
mod access;
mod body;
mod caller;
mod problem;
mod request;
mod intake;
mod allowance;
pub mod app;
pub mod readiness;
pub mod telemetry;
pub mod metrics;
mod room;
pub mod config;
pub mod certificate;
