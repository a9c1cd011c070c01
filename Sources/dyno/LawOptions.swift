import Architectures
import ArgumentParser
import Foundation
import ScalingLaws

// What the law commands accept, spelled the same in each.

/// A count as people write it: `100B`, `80M`, `1.5e9`.
struct Count: ExpressibleByArgument {
  let value: Double

  init?(argument: String) {
    let multiples: [Character: Double] = ["K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12]
    let multiple = argument.last.flatMap { multiples[Character($0.uppercased())] }
    guard let number = Double(multiple == nil ? argument : String(argument.dropLast())) else {
      return nil
    }
    value = number * (multiple ?? 1)
    guard (1...1e18).contains(value) else { return nil }
  }
}

/// `ARCH:LOSS:TOKENS`, a trained model whose loss is known.
struct AnchorArgument: ExpressibleByArgument {
  let architecture: String
  let loss: Double
  let tokens: Double

  init?(argument: String) {
    // From the right, so that a path may hold colons.
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 3, let loss = Double(parts[parts.count - 2]), loss > 0, loss.isFinite,
      let tokens = Count(argument: String(parts[parts.count - 1]))
    else { return nil }
    architecture = parts.dropLast(2).joined(separator: ":")
    self.loss = loss
    self.tokens = tokens.value
  }

  func anchor() throws -> LossAnchor {
    LossAnchor(architecture: try Zoo.resolve(architecture), tokens: tokens, loss: loss)
  }
}

/// Where a law's `L_opt` comes from, in place of its own.
struct ReferenceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A trained model that L_opt follows from, in place of the law's own; may be repeated.",
      valueName: "arch:loss:tokens"), transform: AnchorArgument.read)
  var anchor: [AnchorArgument] = []

  @Option(
    help: ArgumentHelp(
      "The law of N and D that carries an anchor's L_opt to other sizes and tokens. With none, a "
        + "ratio to L_opt is given there. Default: the law file's.", valueName: "law|none"))
  var scaling: String?

  func applied(to law: ScalingLaw) throws -> ScalingLaw {
    try law.referenced(anchors: anchor.map { try $0.anchor() }, scaling: scaling)
  }
}

/// The law a command uses.
struct LawOption: ParsableArguments {
  @Option(
    help: ArgumentHelp("A law file, or a shipped law (see profiles/laws).", valueName: "law"))
  var law: String

  @OptionGroup var reference: ReferenceOptions

  func resolve() throws -> ScalingLaw { try reference.applied(to: LawZoo.resolve(law)) }
}
