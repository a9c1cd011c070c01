import Harness
import TestSupport
import Testing

@Suite struct WorkloadTests {
  private func plan(
    prompt: Int, generate: Int, batch: Int, chunk: Int, depth: Int = 0, window: Int? = nil
  ) throws -> (RunPlan, exact: RunPlan) {
    var architecture = randomLlama(seed: 1)
    architecture.slidingWindow = window
    func plan(_ exact: Bool) -> RunPlan {
      RunPlan(
        ThroughputTest(
          .workload(prompt: prompt, generate: generate, exact: exact), depth: depth, batch: batch),
        architecture, chunk: chunk)
    }
    return (plan(false), plan(true))
  }

  /// What a step would take on a machine of known speed.
  private func seconds(_ segment: RunPlan.Segment, _ time: (Int, Int) -> Double) -> Double {
    var lengths = segment.lengths
    func advance(_ step: PlannedStep) -> Double {
      step.parts.reduce(0) { total, part in
        let depth = lengths[part.sequence]!
        lengths[part.sequence] = depth + part.count
        return total + time(depth, part.count)
      }
    }
    for step in segment.leadIn { _ = advance(step) }
    return segment.steps.reduce(0) { $0 + advance($1) }
  }

  @Test(arguments: [
    (4096, 1024, 16, 512), (1000, 37, 3, 256), (5, 200, 2, 512), (100, 1, 1, 64), (1, 3, 1, 1),
    (700, 2, 5, 512),
  ])
  func integrationAgreesWithEveryStep(prompt: Int, generate: Int, batch: Int, chunk: Int) throws {
    let (integrated, exact) = try plan(
      prompt: prompt, generate: generate, batch: batch, chunk: chunk)
    // Straight in depth, as attention is: exact but for the half position that a decode node spans.
    let straight = { (depth: Int, count: Int) in
      1 + Double(count) * (0.5 + 0.001 * (Double(depth) + Double(count) / 2))
    }
    let all = exact.total(exact.segments.map { seconds($0, straight) })
    let some = integrated.segments.map { seconds($0, straight) }
    #expect(abs(integrated.total(some) / all - 1) < 2e-3)
    #expect(integrated.quadratureError(some) < 2e-3)
    #expect(
      abs(
        integrated.prefill(some) / exact.prefill(exact.segments.map { seconds($0, straight) }) - 1)
        < 2e-3)
    #expect(integrated.stepCount == exact.stepCount && exact.timedSteps == exact.stepCount)
    #expect(integrated.timedSteps <= integrated.stepCount)
  }

  @Test func longWorkloadsAreSampled() throws {
    let (integrated, exact) = try plan(prompt: 4096, generate: 1024, batch: 16, chunk: 512)
    #expect(exact.stepCount == 16 * 8 + 1023)
    #expect(integrated.timedSteps < 20)
  }

  /// A bend is met where the window ends, and a curve is off by less than the bound says.
  @Test func theBoundHolds() throws {
    let (integrated, exact) = try plan(
      prompt: 64, generate: 4000, batch: 1, chunk: 64, window: 1000)
    let bent = { (depth: Int, count: Int) in Double(count) * (1 + 0.01 * Double(min(depth, 1000))) }
    let all = exact.total(exact.segments.map { seconds($0, bent) })
    let some = integrated.segments.map { seconds($0, bent) }
    #expect(abs(integrated.total(some) / all - 1) < 2e-3)

    let curved = { (depth: Int, count: Int) in Double(count) * (1 + Double(depth * depth) * 1e-6) }
    let whole = exact.total(exact.segments.map { seconds($0, curved) })
    let part = integrated.segments.map { seconds($0, curved) }
    let error = abs(integrated.total(part) / whole - 1)
    #expect(error > 1e-3 && error < integrated.quadratureError(part))
  }

  @Test func piecesAreTheWhole() throws {
    let test = ThroughputTest(
      .workload(prompt: 700, generate: 40, exact: true), depth: 0, batch: 3)
    let pieces = RunPlan.pieces(of: test, chunk: 256, prefillSteps: 2, decodeSteps: 7)
    let steps = RunPlan(test, randomLlama(seed: 1), chunk: 256).stepCount
    #expect(pieces.reduce(0) { $0 + $1.stepCount } == steps)
    let linear = { (depth: Int, count: Int) in Double(count) * (1 + 0.01 * Double(depth)) }
    let exact = RunPlan(test, randomLlama(seed: 1), chunk: 256)
    let whole = exact.total(exact.segments.map { seconds($0, linear) })
    let sum = pieces.reduce(0) { $0 + $1.total($1.segments.map { seconds($0, linear) }) }
    #expect(abs(sum / whole - 1) < 1e-12)
  }

  @Test func recordsOfWorkloads() throws {
    var settings = ThroughputBench.Settings()
    settings.repetitions = 2
    settings.chunk = 16
    settings.threads = 1
    let tests = [true, false].map {
      ThroughputTest(.workload(prompt: 40, generate: 30, exact: $0), depth: 0, batch: 2)
    }
    let records = try ThroughputBench(tests, settings, report: { _ in })
      .run([randomLlama(seed: 3).validated()]).records
    #expect(records.map(\.testName) == ["pp40+tg30", "pp40+tg30"])
    let workloads = try records.map { try #require($0.workload) }
    #expect(workloads.map(\.mode) == [.exact, .integrated])
    #expect(
      workloads[0].steps == workloads[1].steps && workloads[0].timedSteps == workloads[0].steps)
    #expect(workloads[1].timedSteps < workloads[1].steps)
    #expect(workloads[0].quadratureError < 1e-12)
    for (record, workload) in zip(records, workloads) {
      #expect(workload.prefillS > 0 && workload.decodeS > 0)
      #expect(record.samplesTs.allSatisfy { $0 > 0 } && record.floorFraction > 0)
    }
  }
}
