import Input
import Model

extension Architecture {
  /// What the architecture has that no form prices; `nil` where all of it has a price.
  var unpricedPart: String? {
    if firstLatentAttention != nil { return "latent attention" }
    return firstExperts != nil ? "experts" : nil
  }

  /// - Throws: `InputError` where a part has no price.
  func checkPriced() throws {
    guard let unpricedPart else { return }
    throw InputError(
      name, problem: "has \(unpricedPart), which nothing prices",
      expected: "an architecture of attention and MLPs")
  }
}
