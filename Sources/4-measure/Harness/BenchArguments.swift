/// The arguments of a `dyno bench` that is started as a child process.
///
/// Nowhere else do libraries know options of the command line. Here they are a protocol: the child may
/// be another build, and its options are what it has in common with this one.
package enum BenchArguments {
  /// Measures one test of one architecture and prints its record.
  ///
  /// - Parameter config: the path of the architecture's `config.json`.
  package static func measuring(
    config: String, name: String, _ test: ThroughputTest, _ settings: ThroughputBench.Settings
  ) -> [String] {
    var arguments = [
      "bench", config, "--architecture-name", name, "--dtype", settings.randomDType.rawValue,
      "--cache-dtype", settings.cacheDType.rawValue, "--depth", "\(test.depth)",
      "--batch", "\(test.batch)", "--chunk", "\(settings.chunk)", "--seed", "\(settings.seed)",
      "--output", "jsonl", "--end-with-stdin",
    ]
    switch test.phase {
    case .prefill(let tokens): arguments += ["--prompt", "\(tokens)", "--generate", "0"]
    case .decode(let tokens): arguments += ["--prompt", "0", "--generate", "\(tokens)"]
    case .workload(let prompt, let generate, let exact):
      arguments += ["--workload", "\(prompt)x\(generate)"] + (exact ? ["--exact"] : [])
    }
    if let repetitions = settings.repetitions {
      arguments += ["--repetitions", "\(repetitions)"]
    } else {
      arguments += [
        "--precision", "\(100 * settings.precision)%", "--budget", "\(settings.budgetSeconds)s",
        // A grid is not given up for its slowest test.
        "--over-budget",
      ]
    }
    if settings.activations != .native {
      arguments += ["--activations", settings.activations.rawValue]
    }
    if let routing = settings.routing { arguments += ["--routing", "\(routing)"] }
    if let threads = settings.threads { arguments += ["--threads", "\(threads)"] }
    return arguments
  }

  /// Prepares the tests of `arguments`, those of `bench`, and runs them as stdin asks (`BenchHello`,
  /// `BenchRequest`).
  package static func serving(_ arguments: [String]) -> [String] {
    ["bench"] + arguments + ["--serve"]
  }

  /// What a build complains of whose `bench` cannot serve.
  package static let servingIsUnknown = "Unknown option '--serve'"
}
