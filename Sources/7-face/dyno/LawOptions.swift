import ArgumentParser
import Foundation
import Input
import Model
import ScalingLaws

// What the law commands accept, spelled the same in each.

/// `ARCH:LOSS:TOKENS`, a trained model whose loss is known.
struct AnchorArgument: ExpressibleByArgument {
  let architecture: String
  let loss: Double
  let tokens: Double

  init?(argument: String) {
    // From the right, so that a path may hold colons.
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 3, let loss = Double(parts[parts.count - 2]), loss > 0, loss.isFinite,
      let tokens = ScaledCount(String(parts[parts.count - 1]))
    else { return nil }
    architecture = parts.dropLast(2).joined(separator: ":")
    self.loss = loss
    self.tokens = tokens.value
  }

  static var allValueStrings: [String] { ["ARCH:LOSS:TOKENS such as llama-3.2-1b:2.803:100B"] }

  func anchor() throws -> LossAnchor {
    LossAnchor(architecture: try Zoo.resolve(architecture), tokens: tokens, loss: loss)
  }
}

/// Where a law's `L_opt` comes from, in place of its own.
struct ReferenceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A trained model that L_opt follows from, in place of the law's own; may be repeated.",
      valueName: "arch:loss:tokens"))
  var anchor: [AnchorArgument] = []

  @Option(
    help: ArgumentHelp(
      "The law of N and D that carries an anchor's L_opt to other sizes and tokens. With none, a "
        + "ratio to L_opt is given there. Default: the law file's.", valueName: "law|none"),
    completion: .laws)
  var scaling: String?

  func applied(to law: ScalingLaw) throws -> ScalingLaw {
    try law.referenced(anchors: anchor.map { try $0.anchor() }, scaling: scaling)
  }
}
