#pragma once

/// The table of contents of what holds networks against each other, layer by layer; read it top
/// down. docs/parity.md is the chapter to it. It needs Eigen alone; recordings in files are in
/// latent/io.hpp.

// 1. What a network did.
#include "latent/parity/statistics.hpp"  // how far one tensor is from another
#include "latent/parity/module_info.hpp" // torch's class of a module, and its settings
#include "latent/parity/recording.hpp"   // what went into its modules, and what came out
#include "latent/parity/record.hpp"      // recording a network of ours
#include "latent/parity/parameters.hpp"  // its parameters, where they are
#include "latent/parity/layout.hpp"      // images in other people's order of axes

// 2. How its values are made of one another.
#include "latent/parity/steps.hpp"     // the steps, as data
#include "latent/parity/samples.hpp"   // tensors at a few places
#include "latent/parity/graph.hpp"     // all steps of a network
#include "latent/parity/moves.hpp"     // pixels at other places
#include "latent/parity/learn.hpp"     // found out from a recording
#include "latent/parity/replay.hpp"    // computed again on somebody else's values
#include "latent/parity/precision.hpp" // the numbers that a network works in
#include "latent/parity/rounding.hpp"  // what is nobody's mistake

// 3. What goes wrong.
#include "latent/parity/hypothesis.hpp"           // a mistake, as an edit of a step
#include "latent/parity/weight_hypotheses.hpp"    // in layers
#include "latent/parity/attention_hypotheses.hpp" // in attention
#include "latent/parity/value_hypotheses.hpp"     // between layers
#include "latent/parity/scale_hypotheses.hpp"     // by a factor
#include "latent/parity/diagnose.hpp"             // the one that explains the numbers

// 4. Comparing, and telling what came of it.
#include "latent/parity/comparison.hpp"    // what is said about each output
#include "latent/parity/compare.hpp"       // compare(reference, subjects)
#include "latent/parity/report_format.hpp" // figures in columns
#include "latent/parity/report_tree.hpp"   // modules in modules
#include "latent/parity/report_table.hpp"  // the table
#include "latent/parity/report.hpp"        // report(comparison)

// 5. What a network is, before it runs.
#include "latent/parity/explain.hpp"      // shapes, multiply-adds, what a pixel sees
#include "latent/parity/explain_time.hpp" // and how long each module takes
