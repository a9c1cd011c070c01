import CostModel
import Formats
import Foundation
import Model
import Records
import Reports
import Requests
import ScalingLaws
import Search
import Serving
import Testing

/// Tables of what is predicted, whole, on a GPU that nobody makes.
@Suite struct PredictedGoldenTests {
  private func subjects() throws -> [Architecture] {
    try ["llama-3.2-1b", "surefire-1b"].map(Zoo.resolve)
  }

  @Test func batches() throws {
    let predictor = try Predictor(madeUpGPU, .vllm, Predictor.Settings())
    let subjects = try subjects()
    var predictions: [Prediction] = []
    var ratios: [PredictedRatio?] = []
    for batch in [1, 64] {
      let load = ServingWorkload(prompt: 1024, generate: 128, batch: batch)
      for (index, subject) in subjects.enumerated() {
        predictions.append(try predictor.predict(subject, load, breakdown: true))
        ratios.append(
          index == 0 ? nil : PredictedRatio(subject, over: subjects[0], load, predictor))
      }
    }
    try expectGolden(
      PredictionReport(
        predictions, predictor.evidence(for: subjects), predictor.settings, ratios: ratios
      ).table(), "predictions.txt")
  }

  @Test func loads() throws {
    let predictor = try Predictor(madeUpGPU, .vllm, Predictor.Settings(tensorParallel: 2))
    let lengths = try LengthDistribution(input: 512, output: 64)
    var entries: [ServingReport.Entry] = []
    for subject in try subjects() {
      let served = try ServingPredictor(
        predictor, subject, ServingSetup(.vllm), longest: (512, 64), concurrency: 8)
      let outcome = try served.run(
        lengths.requests(80, seed: 0), .closedLoop(concurrency: 8))
      entries.append(
        .init(served, outcome, load: "concurrency 8", concurrency: 8, lengths: lengths))
    }
    try expectGolden(
      ServingReport(entries, predictor, level: nil, price: nil).table(), "serving.txt")
  }

  @Test func laws() throws {
    let reports = try ["conditional-80m-297m", "chinchilla-besiroglu"].flatMap { name in
      let law = try LawZoo.resolve(name)
      return try subjects().map { subject in
        let predictor = try LossPredictor(
          law, parameters: Double(subject.parameters.nonEmbedding), tokens: 100e9)
        return LawPredictionReport(
          subject, law: law, tokens: predictor.tokens, try predictor.predict(subject),
          besideOthers: true)
      }
    }
    try expectGolden(LawPredictionReport.table(reports), "law-predictions.txt")
  }

  @Test func searches() throws {
    var spec = SearchSpec()
    spec.parameters = "1B"
    spec.tokens = 100e9
    spec.law = "conditional-80m-297m"
    spec.targetLoss = "llama-3.2-1b"
    spec.devices = ["made-up"]
    spec.hiddenMultiple = 512
    let problem = try spec.problem { _ in madeUpGPU }
    let table = SearchReport(try ArchitectureSearch(problem).run { _ in }).table
    try expectGolden(table.replacing(/[0-9.]+ [KM] a second/, with: "many a second"), "search.txt")
  }

  @Test func optima() throws {
    let law = try LawZoo.resolve("conditional-80m-297m")
    let optimum = try LawOptimum(law)
    let constraints = ShapeConstraints(
      parameters: 1e9, layers: 16, headDimension: 64, queryHeadsPerKeyValueHead: 4)
    try expectGolden(
      LawOptimumReport(
        law, optimum, constraints,
        architectures: try optimum.realizable(law, constraints, limit: 3)
      ).table, "law-optimum.txt")
  }
}
