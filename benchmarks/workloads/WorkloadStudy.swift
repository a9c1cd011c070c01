import ArgumentParser
import Formats
import Foundation
import Harness
import Input
import Machine
import Model
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
  var prompt = 512
  @Option var generate = 128

  @Option(help: "Most tokens of a prefill step.")
  var chunk = 64

  @Option(parsing: .upToNextOption, help: "Sequences at once.")
  var batch = [1, 4]

  @Option(parsing: .upToNextOption, help: "Storage of weights.")
  var dtype = ["bf16", "q8_0"]

  @Option(help: "Seconds for the pairs of each row's synthetic and real depth.")
  var depthSeconds = 5.0

  @Option(help: "Integrated samples.")
  var samples = 6

  /// Times taken of everything, in turns with what it is compared with; the fastest counts.
  static let turns = 3
  /// Decode steps of the exact run that are timed together: as many as an integrated part times, as
  /// the fastest of some short times is further below their mean than the fastest of long ones.
  static let decodeSteps = 2

  func run() throws {
    let machine = try Machine(threads: nil)
    var table = Table([
      ("architecture", .left), ("weights", .left), ("batch", .right),
      ("synthetic over real depth", .right), ("95% interval", .right),
      ("integrated over exact", .right), ("95%", .right), ("bound", .right),
      ("steps timed", .right),
      ("exact s", .right), ("one sample s", .right), ("saves", .right),
    ])
    var worst = (depth: 0.0, integration: 0.0)
    for name in architectures {
      let architecture = try Zoo.resolve(name)
      for storage in dtype {
        guard let dtype = WeightFormat(rawValue: storage) else {
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
            "±\(Quantity.percent(1.96 * integration.standardError))",
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

  /// One row: two engines on one model, one with a really prefilled cache, one with a synthetic one.
  struct Comparison {
    private let test: ThroughputTest
    private let architecture: Architecture
    private let study: WorkloadStudy
    private let real: PreparedModel
    private let synthetic: PreparedModel
    init(
      _ architecture: Architecture, dtype: WeightFormat, batch: Int, study: WorkloadStudy,
      machine: Machine
    ) throws {
      self.architecture = architecture
      self.study = study
      test = ThroughputTest(
        .workload(prompt: study.prompt, generate: study.generate, exact: false), depth: 0,
        batch: batch)
      synthetic = try PreparedModel(
        architecture, format: dtype, cache: .f16, sequences: batch,
        capacity: study.prompt + study.generate, maxTokens: max(study.chunk, batch), seed: 1,
        team: machine.team, kernels: machine.kernels)
      real = try PreparedModel(
        sharingWeightsOf: synthetic, team: machine.team, kernels: machine.kernels)
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
        var copies = [real, synthetic]
        if Bool.random(using: &coin) { copies.reverse() }
        let seconds = try fastest(copies.map { ($0, plan) })
        ratios.append(log(seconds[0] / seconds[1]) * (copies[0] === real ? -1 : 1))
      }
      let interval = SignedRank.interval(ratios, alpha: 0.05)
      return (
        exp(SignedRank.center(ratios)),
        "\(Quantity.change(expm1(interval.lowerBound))) – "
          + Quantity.change(expm1(interval.upperBound))
      )
    }

    /// Seconds of each run, the fastest of some turns that alternate.
    private func fastest(_ runs: [(model: PreparedModel, plan: RunPlan)]) throws -> [Double] {
      var seconds = runs.map { _ in Double.infinity }
      for _ in 0..<WorkloadStudy.turns {
        for (index, run) in runs.enumerated() {
          seconds[index] = min(seconds[index], run.plan.total(try run.model.time(run.plan)))
        }
      }
      return seconds
    }

    /// Every step on the real cache, and integrated samples on the synthetic one, both in units of
    /// one step that alternates with each: so the machine's moods cancel.
    func integration() throws -> Integration {
      let plan = RunPlan(test, architecture, chunk: study.chunk)
      for copy in [real, synthetic] { _ = try copy.time(plan) }
      let start = SteadyClock.nanoseconds()
      _ = try synthetic.time(plan)
      var result = Integration(
        steps: plan.stepCount, timedSteps: plan.timedSteps,
        sampleSeconds: Double(SteadyClock.nanoseconds() - start) * 1e-9)
      let pieces = RunPlan.pieces(
        of: test, chunk: study.chunk, prefillSteps: 1, decodeSteps: WorkloadStudy.decodeSteps)
      var segments = [Double](repeating: 0, count: plan.segments.count)
      var variance = 0.0
      for isPrefill in [true, false] {
        let parts = plan.parts.enumerated().filter { $1.segments[0].isPrefill == isPrefill }
        // Small, as it is run as often as all else together.
        let unit =
          isPrefill
          ? RunPlan(
            ThroughputTest(.prefill(max(1, study.chunk / 4)), depth: study.prompt / 2, batch: 1),
            architecture, chunk: study.chunk)
          : parts[parts.count / 2].element
        var unitSeconds: [Double] = []
        /// In units.
        func relative(_ model: PreparedModel, _ part: RunPlan) throws -> Double {
          let seconds = try fastest([(model, part), (synthetic, unit)])
          unitSeconds.append(seconds[1])
          return seconds[0] / seconds[1]
        }
        // In the order of the run: the cache grows.
        var exact: [Double] = []
        for piece in pieces where piece.segments[0].isPrefill == isPrefill {
          exact.append(try relative(real, piece))
        }
        var scatter: [Double] = []
        for (index, part) in parts {
          let units = try (0..<study.samples).map { _ in try relative(synthetic, part) }
          segments[index] = Moments.mean(units)
          let deviation = Moments.standardDeviation(units) / segments[index]
          scatter.append(deviation * deviation)
        }
        let usual = Quantiles.median(unitSeconds)
        let relativeVariance = Moments.mean(scatter)
        for seconds in exact.map({ $0 * usual }) {
          result.exactSeconds += seconds
          variance += seconds * seconds * relativeVariance
        }
        for (index, part) in parts {
          let seconds = segments[index] * usual
          result.integratedSeconds += seconds
          variance += seconds * seconds * relativeVariance / Double(study.samples)
          segments[index] = seconds / part.segments[0].weight
        }
      }
      result.standardError = variance.squareRoot() / result.exactSeconds
      result.quadratureError = plan.quadratureError(segments)
      return result
    }

    struct Integration {
      var steps: Int
      var timedSteps: Int
      /// Of one integrated sample, untimed steps included.
      var sampleSeconds: Double
      var exactSeconds = 0.0
      var integratedSeconds = 0.0
      var quadratureError = 0.0
      /// Of the ratio: each time taken scatters as those of the sampled steps do.
      var standardError = 0.0
      var ratio: Double { integratedSeconds / exactSeconds }
    }
  }
}
