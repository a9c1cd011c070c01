import Architectures
import ArgumentParser
import Foundation
import Host
import Measurement
import Numerics
import Reports

/// Prints the table of `docs/workloads.md`: whether a synthetic depth takes the time of a real one,
/// whether integrated workloads take that of exact ones, and what integration saves.
@main
struct WorkloadStudy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dyno-workload-study",
    abstract: "Compares synthetic with real depth, and integrated with exact workloads.")

  @Argument(help: "Architectures: paths or zoo names.")
  var architectures: [String]

  @Option(help: "Prompt and generated tokens.")
  var prompt = 2048
  @Option var generate = 256

  @Option(help: "Most tokens of a prefill step.")
  var chunk = 128

  @Option(parsing: .upToNextOption, help: "Sequences at once.")
  var batch = [1, 4]

  @Option(parsing: .upToNextOption, help: "Storage of weights.")
  var dtype = ["bf16", "q8_0"]

  @Option(help: "Seconds for the pairs of each row's synthetic and real depth.")
  var depthSeconds = 5.0

  @Option(help: "Integrated samples, spread over the exact run.")
  var samples = 8

  func run() throws {
    let machine = try Machine(threads: nil)
    var table = Table([
      ("architecture", .left), ("weights", .left), ("batch", .right),
      ("synthetic over real depth", .right), ("95% interval", .right),
      ("integrated over exact", .right), ("bound", .right), ("steps timed", .right),
      ("exact s", .right), ("one sample s", .right), ("saves", .right),
    ])
    var worst = (depth: 0.0, integration: 0.0)
    for name in architectures {
      let architecture = try Zoo.resolve(name)
      for storage in dtype {
        guard let dtype = DType(rawValue: storage) else {
          throw InputError("--dtype", problem: "\"\(storage)\" is unknown")
        }
        for batch in batch {
          let row = try Comparison(
            architecture, dtype: dtype, batch: batch, study: self, machine: machine)
          let integration = try row.integration()
          let depth = try row.depth()
          worst.depth = max(worst.depth, abs(depth.ratio - 1))
          worst.integration = max(worst.integration, abs(integration.ratio - 1))
          let cells = [
            architecture.name, storage, "\(batch)", Quantity.change(depth.ratio - 1),
            depth.interval, Quantity.change(integration.ratio - 1),
            Quantity.percent(integration.quadratureError),
            "\(integration.timedSteps) of \(integration.steps)",
            Quantity.number(integration.exactSeconds),
            Quantity.number(integration.sampleSeconds),
            "\(Quantity.number(integration.exactSeconds / integration.sampleSeconds, digits: 3))×",
          ]
          // Rows take minutes: what an interrupted study found is not lost.
          FileHandle.standardError.write(Data((cells.joined(separator: " | ") + "\n").utf8))
          table.add(cells)
        }
      }
    }
    print(table.rendered(.markdown))
    print(
      "\n\(prompt) prompt and \(generate) generated tokens a sequence, f16 KV cache, chunks of \(chunk); "
        + "\(Processor.model), \(machine.team.count) threads.\nWorst: synthetic depth "
        + "\(Quantity.percent(worst.depth)), integration \(Quantity.percent(worst.integration)).")
  }

  /// One row: two copies of a model, one with a really prefilled cache, one with a synthetic one.
  struct Comparison {
    private let test: ThroughputTest
    private let architecture: Architecture
    private let study: WorkloadStudy
    private let real: PreparedModel
    private let synthetic: PreparedModel
    init(
      _ architecture: Architecture, dtype: DType, batch: Int, study: WorkloadStudy, machine: Machine
    ) throws {
      self.architecture = architecture
      self.study = study
      test = ThroughputTest(
        .workload(prompt: study.prompt, generate: study.generate, exact: false), depth: 0,
        batch: batch)
      func model() throws -> PreparedModel {
        try PreparedModel(
          architecture, dtype: dtype, cache: .f16, sequences: batch,
          capacity: study.prompt + study.generate, maxTokens: max(study.chunk, batch), seed: 1,
          team: machine.team, kernels: machine.kernels)
      }
      real = try model()
      synthetic = try model()
      // The real one as well, so that no page of its cache is new to it; the run overwrites it all.
      for copy in [real, synthetic] {
        copy.engine.cache.fillSynthetically(
          toDepth: study.prompt + study.generate, seed: 1, team: machine.team,
          kernels: machine.kernels)
      }
    }

    /// Decode steps right behind the prompt on both caches, in turns of random order. To be run after
    /// `integration`, which leaves what it read and made in the real cache.
    func depth() throws -> (ratio: Double, interval: String) {
      let step = ThroughputTest(.decode(2), depth: study.prompt, batch: test.batch)
      let plan = RunPlan(step, architecture, chunk: study.chunk)
      var coin = SeededGenerator(seed: 1)
      var ratios: [Double] = []
      let start = SteadyClock.nanoseconds()
      while Double(SteadyClock.nanoseconds() - start) < study.depthSeconds * 1e9
        || ratios.count < 20
      {
        let realFirst = Bool.random(using: &coin)
        let early = realFirst ? plan.total(try real.time(plan)) : nil
        let other = plan.total(try synthetic.time(plan))
        let mine = try early ?? plan.total(try real.time(plan))
        ratios.append(log(other / mine))
      }
      let interval = SignedRank.interval(ratios, alpha: 0.05)
      return (
        exp(SignedRank.center(ratios)),
        "\(Quantity.change(expm1(interval.lowerBound))) – "
          + Quantity.change(expm1(interval.upperBound))
      )
    }

    struct Integration {
      var ratio: Double
      var quadratureError: Double
      var steps: Int
      var timedSteps: Int
      var exactSeconds: Double
      var sampleSeconds: Double
    }

    /// Every step on the real cache, with integrated samples on the synthetic one spread between.
    func integration() throws -> Integration {
      let plan = RunPlan(test, architecture, chunk: study.chunk)
      for copy in [real, synthetic] { _ = try copy.time(plan) }
      var exact = 0.0
      var totals: [Double] = []
      var segments: [[Double]] = []
      var sampleSeconds: [Double] = []
      let pieces = RunPlan.pieces(of: test, chunk: study.chunk, count: study.samples)
      for piece in pieces {
        let start = SteadyClock.nanoseconds()
        let sample = try synthetic.time(plan)
        sampleSeconds.append(Double(SteadyClock.nanoseconds() - start) * 1e-9)
        segments.append(sample)
        totals.append(plan.total(sample))
        exact += piece.total(try real.time(piece))
      }
      let medians = segments[0].indices.map { index in
        Quantiles.median(segments.map { $0[index] })
      }
      return Integration(
        ratio: Moments.mean(totals) / exact, quadratureError: plan.quadratureError(medians),
        steps: plan.stepCount, timedSteps: plan.timedSteps, exactSeconds: exact,
        sampleSeconds: Quantiles.median(sampleSeconds))
    }
  }
}
