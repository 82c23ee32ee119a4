//! Kustomizations, from their files to what is declared.

mod oracle;
