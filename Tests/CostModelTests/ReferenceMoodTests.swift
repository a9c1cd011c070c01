import CostModel
import Foundation
import Model
import Records
import TestSupport
import Testing

/// What hits an architecture and the reference alike, block by block, is taken out.
@Suite struct ReferenceMoodTests {
  private let moods = [[1.0, 3.0, 0.9, 1.1], [2.0, 2.1, 5.0, 1.9], [1.0, 1.0, 1.2, 0.8]]

  /// One in each run beside the reference.
  private let others = ["llama-2-7b", "mistral-7b", "llama-3-8b"]

  private func run(_ name: String, _ run: Int, seconds: Double, batch: Int = 1) throws -> WholeRun {
    let architecture = try Architecture(
      configAt: Files.root.appendingPathComponent("profiles/architectures/\(name).json"))
    let samples = moods[run].map { $0 * seconds }
    var whole = WholeRun(
      device: "host", engine: "dyno", architecture: architecture, weights: .bf16, cache: .f16,
      prompt: 0, generate: 1, batch: batch, seconds: samples.reduce(0, +) / Double(samples.count),
      origin: name)
    whole.secondsByBlock = Dictionary(uniqueKeysWithValues: samples.enumerated().map { ($0, $1) })
    whole.run = "\(run)"
    return whole
  }

  @Test func sharedMoodsCancel() throws {
    var measurements = Measurements()
    for (index, name) in others.enumerated() {
      measurements.runs.append(try run(name, index, seconds: 0.2 * Double(index + 1)))
      measurements.runs.append(try run("smollm2-135m", index, seconds: 0.1))
    }
    let mood = try #require(ReferenceMood(measurements))
    #expect(mood.reference == "smollm2-135m")
    let restated = measurements.runs.compactMap { mood.seconds($0) }
    #expect(restated.count == 6)
    let reference = restated[1]
    for (index, factor) in [2.0, 4.0, 6.0].enumerated() {
      #expect(abs(restated[2 * index] / reference - factor) < 1e-6)
      #expect(restated[2 * index + 1] == reference)
    }
    // One block that was interrupted in one architecture alone does not count.
    var interrupted = measurements
    interrupted.runs[0].secondsByBlock[2]! *= 9
    let anew = try #require(ReferenceMood(interrupted)?.seconds(interrupted.runs[0]))
    #expect(abs(anew / restated[0] - 1) < 1e-6)
    // Without samples by block there is nothing to compare with.
    var bare = measurements
    bare.runs[0].secondsByBlock = [:]
    #expect(try #require(ReferenceMood(bare)).seconds(bare.runs[0]) == nil)
  }

  /// A run that is bad to the reference alone misleads by half as much where another architecture,
  /// measured in two runs as well, tells otherwise.
  @Test func allThatRunsShareTiesThem() throws {
    let off = 1.05
    var measurements = Measurements()
    for (name, index, seconds) in [
      ("smollm2-135m", 0, 0.1 * off), ("mistral-7b", 0, 0.3), ("llama-2-7b", 0, 0.2),
      ("smollm2-135m", 1, 0.1), ("mistral-7b", 1, 0.3), ("llama-3-8b", 1, 0.4),
      ("smollm2-135m", 2, 0.1), ("qwen3-0.6b", 2, 0.15),
    ] {
      measurements.runs.append(try run(name, index, seconds: seconds))
    }
    let mood = try #require(ReferenceMood(measurements))
    func relative(_ name: String) throws -> Double {
      let run = try #require(measurements.runs.first { $0.architecture.name == name })
      return try #require(mood.relative(run))
    }
    // By the normal equations three quarters of it in the first run, a quarter in the second.
    #expect(abs(try relative("llama-2-7b") / (2 / pow(off, 0.75)) - 1) < 1e-6)
    #expect(abs(try relative("llama-3-8b") / (4 / pow(off, 0.25)) - 1) < 1e-6)
    #expect(abs(try relative("qwen3-0.6b") / 1.5 - 1) < 1e-6)
    #expect(try relative("smollm2-135m") == 1)
  }

  /// Batches that were measured in unlike minutes are to each other as in runs of the reference
  /// alone, where they were interleaved.
  @Test func theReferenceAloneTiesItsCells() throws {
    var measurements = Measurements()
    for index in 0..<3 {
      // Every run with a batch of 4 was in minutes half as fast as those with a batch of 1.
      for (batch, seconds) in [(1, 0.1), (4, 0.2 * 2)] {
        for (name, factor) in [(others[index], 3.0), ("smollm2-135m", 1.0)] {
          var run = try run(name, index, seconds: seconds * factor, batch: batch)
          run.run = "\(index) \(batch)"
          measurements.runs.append(run)
        }
      }
    }
    func ratio(_ measurements: Measurements) throws -> Double {
      let mood = try #require(ReferenceMood(measurements))
      let batches = try [1, 4].map { batch in
        let run = try #require(
          measurements.runs.first { $0.batch == batch && $0.architecture.name == others[0] })
        return try #require(mood.seconds(run))
      }
      return batches[1] / batches[0]
    }
    #expect(abs(try ratio(measurements) - 4) < 1e-6)
    for (batch, seconds) in [(1, 0.1), (4, 0.2)] {
      var run = try run("smollm2-135m", 1, seconds: seconds, batch: batch)
      run.run = "alone"
      measurements.runs.append(run)
    }
    // What else is known of them counts for less than a thousandth of it.
    #expect(abs(try ratio(measurements) - 2) < 2e-3)
  }

  /// A trace's operators together take as long as the step usually does, whatever happened while
  /// it was traced.
  @Test func tracesTakeAsLongAsTheirSteps() throws {
    var measurements = Measurements()
    for index in 0..<3 {
      measurements.runs.append(try run(others[index], index, seconds: 0.3))
      measurements.runs.append(try run("smollm2-135m", index, seconds: 0.1))
    }
    for (kind, seconds, samples) in [
      (Operator.Kind.downProjection, 0.04, 8), (.head, 0.02, 2),
    ] {
      var timing = OperatorTiming(
        device: "host", engine: "dyno", kind: kind, shape: .gemm(m: 1, n: 8, k: 8),
        weights: .bf16, cache: .f16, seconds: seconds, samples: samples, origin: others[1])
      timing.run = "1"
      measurements.operators.append(timing)
    }
    let mood = try #require(ReferenceMood(measurements))
    let step = try #require(mood.seconds(measurements.runs[2]))
    // Two steps of four projections and a head each.
    let scales = measurements.operators.compactMap { mood.scale($0) }
    #expect(scales.count == 2)
    for scale in scales { #expect(abs(scale * (4 * 0.04 + 0.02) / step - 1) < 1e-9) }
    // Of another number of sequences nothing is known.
    var other = measurements.operators[0]
    other.shape = .gemm(m: 4, n: 8, k: 8)
    #expect(mood.scale(other) == nil)
    // Where a prompt was traced with it, rows do not tell which test they are of.
    var prompt = measurements.runs[2]
    (prompt.prompt, prompt.generate, prompt.chunk) = (128, 0, 512)
    measurements.runs.append(prompt)
    let mixed = try #require(ReferenceMood(measurements))
    #expect(mixed.scale(measurements.operators[0]) == nil)
  }
}
