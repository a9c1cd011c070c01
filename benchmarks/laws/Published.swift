import Foundation
import Model
import Numerics
import Reports
import ScalingLaws

extension LawStudy {
  /// Losses of arXiv 2510.18245 at 100B tokens; the first of each size is the anchor.
  private static let published: [(size: String, losses: [(name: String, loss: Double)])] = [
    ("1B", [("llama-3.2-1b", 2.803), ("panda-1b", 2.782), ("surefire-1b", 2.804)]),
    (
      "3B",
      [
        ("llama-3.2-3b", 2.625), ("panda-3b", 2.619), ("surefire-3b", 2.620),
        ("panda-3b-o", 2.606),
      ]
    ),
  ]

  /// What the paper prints of its own held-out architectures of that size.
  private static let papersFigures = [
    "conditional-80m-297m 1B": "MSE 1e-4, Spearman 0.745",
    "conditional-80m-297m 3B": "MSE 1e-4, Spearman 0.50, fitted on 1B as well",
    "conditional-1b 3B": "MSE 1e-4, Spearman 1.0",
  ]

  /// The seven published losses by both conditional laws, beside a constant predictor.
  static func printPublished() throws {
    for name in ["conditional-80m-297m", "conditional-1b"] {
      let law = try LawZoo.resolve(name)
      let optimum = try LawOptimum(law)
      print(String(format: "%@: x* %.4f, r* %.4f", name, optimum.x, optimum.r))
      var table = Table([
        ("model", .left), ("measured", .right), ("predicted", .right), ("error", .right),
        ("constant's error", .right), ("rank", .right), ("predicted rank", .right),
      ])
      var summaries: [String] = []
      for (size, losses) in published {
        var predicted: [Double] = []
        let anchor = losses[0].loss
        for (model, _) in losses {
          let architecture = try Zoo.resolve(model)
          let predictor = try LossPredictor(
            law, parameters: Double(architecture.parameters.nonEmbedding), tokens: 100e9)
          predicted.append(try predictor.predict(architecture).value)
        }
        let measured = losses.map(\.loss)
        let ranks = zip(RankCorrelation.ranks(measured), RankCorrelation.ranks(predicted))
        for (index, (rank, predictedRank)) in ranks.enumerated() {
          let (model, loss) = losses[index]
          table.add([
            model + (index == 0 ? " (anchor)" : ""), String(format: "%.3f", loss),
            String(format: "%.4f", predicted[index]),
            String(format: "%+.4f", predicted[index] - loss),
            String(format: "%+.4f", anchor - loss), Quantity.number(rank, digits: 2),
            Quantity.number(predictedRank, digits: 2),
          ])
        }
        func meanSquare(_ values: [Double]) -> Double {
          Moments.mean(zip(values, measured).dropFirst().map { ($0 - $1) * ($0 - $1) })
        }
        let spearman = RankCorrelation.spearman(predicted, measured)
        summaries.append(
          "\(size): Spearman \(spearman.map { String(format: "%.2f", $0) } ?? "undefined") over "
            + "\(measured.count), MSE without the anchor "
            + String(
              format: "%.2e; a constant's %.2e", meanSquare(predicted),
              meanSquare(measured.map { _ in anchor }))
            + (papersFigures[name + " " + size].map { "; the paper's, \($0)" } ?? ""))
      }
      print(table.rendered())
      print(summaries.joined(separator: "\n") + "\n")
    }
  }
}
