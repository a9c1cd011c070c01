import CostModel
import Foundation
import Model
import Reports
import ScalingLaws
import Search

/// Where the published architectures lie: against the law's minimum, and against our front, with
/// what makes the difference.
enum FrontStudy {
  private struct Size {
    let baseline: String
    let surefire: String
    let panda: String
    let loss: Double
  }

  static func run() throws {
    for size in [
      Size(baseline: "llama-3.2-1b", surefire: "surefire-1b", panda: "panda-1b", loss: 2.803),
      Size(baseline: "llama-3.2-3b", surefire: "surefire-3b", panda: "panda-3b", loss: 2.625),
    ] {
      print("#### \(size.baseline)\n")
      try minimum(size)
      try front(size)
    }
  }

  /// A search as the published study frames it: a100-40gb, 4096 in, 1024 out, batch 128.
  private static func problem(
    _ size: Size, gqa: Int, target: String? = nil, _ change: (inout SearchSpec) -> Void = { _ in }
  ) throws -> SearchProblem {
    var spec = SearchSpec()
    spec.parameters = size.baseline
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = target ?? size.baseline
    spec.devices = ["a100-40gb"]
    spec.batches = [128]
    spec.maxGQA = gqa
    change(&spec)
    return try spec.problem(device: DeviceZoo.resolve)
  }

  private static func loss(_ problem: SearchProblem, _ name: String) throws -> Double {
    try problem.predictor.predict(Zoo.resolve(name)).value
  }

  /// The law's minimum, the space's, and how far panda is from both.
  private static func minimum(_ size: Size) throws {
    let problem = try problem(size, gqa: 4)
    let optimum = try LawOptimum(problem.predictor.law)
    var surface = LossSurface(problem.predictor)
    let law = surface.loss(
      normalizedHiddenSize: optimum.x, mlpToAttentionRatio: optimum.r, aspectRatio: .nan)
    let panda = try loss(problem, size.panda)
    print(
      "The law's minimum is \(number(law)) at d/√N \(number(optimum.x)), r \(number(optimum.r)); "
        + "\(size.panda) has \(number(panda)), \(number(panda - law)) above.\n")
  }

  private static func front(_ size: Size) throws {
    var table = Table([
      ("GQA", .left), ("architectures", .right), ("front points", .right), ("best", .left),
      ("gain", .right), ("loss", .right), ("\(size.surefire)'s gain", .right),
      ("best over it", .right), ("at its loss", .right),
    ])
    var gains: [Int: Double] = [:]
    for gqa in [4, 9, Int.max] {
      let result = try ArchitectureSearch(problem(size, gqa: gqa)).run { _ in }
      let own = try placed(size.surefire, result)
      let best = result.contenders.max { $0.logGain < $1.logGain }!
      let atLoss = result.front.last { $0.loss <= own.loss }?.logGain ?? -.infinity
      gains[gqa] = best.logGain
      table.add([
        gqa == .max ? "free" : "≤ \(gqa)", "\(result.enumerated)", "\(result.front.count)",
        best.architecture.name, number(exp(best.logGain)) + "×", number(best.loss.value),
        number(exp(own.gain)) + "×", Quantity.change(expm1(best.logGain - own.gain)),
        Quantity.change(expm1(atLoss - own.gain)),
      ])
    }
    print(table.rendered(.markdown) + "\n")
    try attribution(size)
  }

  /// An architecture in the unit of a search's gains.
  private static func placed(
    _ name: String, _ result: ArchitectureSearch.Result
  ) throws -> (gain: Double, loss: Double) {
    let problem = result.problem
    let scenario = problem.scenarios[0]
    let predictor = try Predictor(scenario.profile, scenario.engine, scenario.settings)
    let architecture = try Zoo.resolve(name)
    let own = try predictor.predict(architecture, scenario.workload).point.outputTokensPerSecond
    let base =
      try predictor.predict(problem.baseline, scenario.workload).point.outputTokensPerSecond
    return (log(own / base), try loss(problem, name))
  }

  /// From the published architecture to our best at its own GQA, a freedom at a time.
  private static func attribution(_ size: Size) throws {
    let surefire = try Zoo.resolve(size.surefire)
    let own = surefire.queryHeadsPerKeyValueHead
    let exact = RuleText.gqa(own)
    let coarse = "hidden_size % 512 == 0 and intermediate_size % 512 == 0"
    let ownLoss = try loss(problem(size, gqa: own), size.surefire)
    // The same loss, rounded up so that the architecture itself stays feasible.
    let held = String(format: "%.6f", ownLoss + 1e-6)
    var steps: [(String, SearchProblem)] = []
    steps.append(
      (
        "its GQA \(own), its loss, d and f multiples of 512",
        try problem(size, gqa: own, target: held) { $0.rules = [exact, coarse] }
      ))
    steps.append(
      (
        "grid: multiples of 128", try problem(size, gqa: own, target: held) { $0.rules = [exact] }
      ))
    steps.append(
      (
        "slack: up to the target's loss", try problem(size, gqa: own) { $0.rules = [exact] }
      ))
    steps.append(("GQA: up to its own", try problem(size, gqa: own)))
    steps.append(("GQA: free", try problem(size, gqa: .max)))
    var table = Table([
      ("freedom", .left), ("fastest", .left), ("loss", .right), ("gain", .right),
      ("over the step before", .right), ("90% of that ratio", .left),
    ])
    var before: Double?
    for (name, problem) in steps {
      let result = try ArchitectureSearch(problem).run { _ in }
      if before == nil {
        let own = try placed(size.surefire, result)
        before = own.gain
        table.add([
          size.surefire, Shape(surefire).name, number(own.loss), number(exp(own.gain)) + "×", "",
          "",
        ])
      }
      let best = result.contenders.max { $0.logGain < $1.logGain }!
      let deviation = best.logGainDeviation
      table.add([
        name, best.architecture.name, number(best.loss.value), number(exp(best.logGain)) + "×",
        Quantity.change(expm1(best.logGain - (before ?? 0))),
        "gain \(number(exp(best.logGain - 1.645 * deviation))) – "
          + "\(number(exp(best.logGain + 1.645 * deviation)))",
      ])
      before = best.logGain
    }
    print(table.rendered(.markdown) + "\n")
  }

  private enum RuleText {
    static func gqa(_ value: Int) -> String { "gqa == \(value)" }
  }

  private static func number(_ value: Double) -> String { Quantity.number(value) }
}
