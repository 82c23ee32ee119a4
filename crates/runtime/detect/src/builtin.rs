//! The detections that are in the program, with the scenarios that they are tested by.

use crate::detections::Detections;

impl Detections {
    /// Our own detections.
    ///
    /// # Panics
    ///
    /// Where they cannot be read: a test reads them.
    pub fn builtin() -> Self {
        let files = BUILTIN
            .iter()
            .map(|(name, rules, _)| (*name, rules.as_bytes()));
        Self::read(files).unwrap_or_else(|errors| panic!("our own detections: {errors:?}"))
    }
}

/// Files of `content/detections`.
macro_rules! files {
    ($($name:literal,)*) => {
        /// Our own detections: the name of the file, the rules in it, and scenarios in YAML that make them match or
        /// must not.
        pub const BUILTIN: &[(&str, &str, &str)] = &[$((
            concat!("content/detections/", $name),
            include_str!(concat!("../../../../content/detections/", $name)),
            include_str!(concat!("../../../../content/detections/scenarios/", $name)),
        ),)*];
    };
}

files! {
    "weights_read_outside_the_serving_set.yml",
    "weights_read_and_sent.yml",
    "gpu_opened_outside_the_serving_set.yml",
    "serving_process_inspected.yml",
    "loader_spawns_a_shell.yml",
    "server_loads_a_foreign_library.yml",
    "unsigned_model_loaded.yml",
    "workload_asks_for_cloud_credentials.yml",
    "undeclared_egress_of_a_workload.yml",
    "admin_port_of_an_ai_platform.yml",
    "evasion_near_a_workload.yml",
}
