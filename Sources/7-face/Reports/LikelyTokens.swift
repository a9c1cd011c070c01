import Foundation

/// The likeliest next tokens by a model's logits.
public enum LikelyTokens {
  /// - Parameters:
  ///   - rows: logits of each position, of the vocabulary's size.
  ///   - firstPosition: of the first row.
  ///   - top: so many tokens of each.
  ///   - generated: ids that the model went on with; empty where none were asked for.
  public static func table(
    _ rows: [[Float]], firstPosition: Int, top: Int, generated: [Int]
  ) -> String {
    var table = Table([
      ("after position", .right), ("token", .right), ("probability", .right), ("logit", .right),
    ])
    for (index, logits) in rows.enumerated() {
      let sum = logSumExp(logits)
      for token in likeliest(logits, top) {
        table.add([
          "\(firstPosition + index)", "\(token)",
          Quantity.percent(exp(Double(logits[token]) - sum)),
          Quantity.number(Double(logits[token])),
        ])
      }
    }
    let ids = generated.map(String.init).joined(separator: ",")
    return table.rendered() + (generated.isEmpty ? "" : "\n\ngenerated: \(ids)")
  }

  /// The lower id first where two are as likely.
  private static func likeliest(_ logits: [Float], _ count: Int) -> [Int] {
    Array(logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.prefix(count))
  }

  private static func logSumExp(_ logits: [Float]) -> Double {
    let largest = Double(logits.max() ?? 0)
    return largest + log(logits.reduce(0) { $0 + exp(Double($1) - largest) })
  }
}
