/// A step, or what is priced of one, that stands for several of a run.
enum PricedStep {
  /// All operators but attention: they depend on the step's tokens, not on what is cached.
  case besideAttention(sequences: Int, tokens: Int, logitsRows: Int)
  /// Attention of `new` tokens of each sequence after `cached` positions.
  case attention(sequences: Int, cached: Int, new: Int)
}

extension ServingSchedule {
  enum Phase {
    /// Prompts of the sequences that start at once: what TTFT counts.
    case firstPrefill
    case prefill
    case decode
  }

  /// The steps by which a run is priced, and how often each counts.
  ///
  /// Attention grows smoothly with the context and is priced at Gauss's points. Steps between which
  /// sequences come to an end, drop out or are computed again one by one are taken together: the rest
  /// of them is priced at two sizes beside their mean.
  func forEachPricedStep(_ body: (Phase, PricedStep, _ times: Double) -> Void) {
    for index in prefills.indices.prefix(firstPrefills) {
      price(prefills[index...index], .firstPrefill, body)
    }
    func isAlike(_ first: Prefill, _ last: Prefill, _ next: Prefill) -> Bool { first.isAlike(next) }
    forEachGroup(prefills.dropFirst(firstPrefills), isAlike: isAlike) { price($0, .prefill, body) }
    forEachGroup(decodes[...], isAlike: isSmooth) { price($0, body) }
  }

  /// - Parameter isAlike: whether the third may follow a group's first and last.
  private func forEachGroup<Part>(
    _ parts: ArraySlice<Part>, isAlike: (Part, Part, Part) -> Bool,
    _ body: (ArraySlice<Part>) -> Void
  ) {
    var start = parts.startIndex
    while start < parts.endIndex {
      var end = start + 1
      while end < parts.endIndex, isAlike(parts[start], parts[end - 1], parts[end]) { end += 1 }
      body(parts[start..<end])
      start = end
    }
  }

  /// Whether decode steps go on smoothly with `next`: no wave begins, and not too few of the first
  /// sequences are left.
  private func isSmooth(from first: Decode, _ last: Decode, _ next: Decode) -> Bool {
    let jump = next.firstContext - (last.firstContext + Double(last.steps))
    return first.count == 1 && next.count == 1 && next.sequences <= last.sequences
      && 4 * next.sequences >= 3 * first.sequences && 16 * abs(jump) <= Double(generate)
  }

  private func price(
    _ group: ArraySlice<Prefill>, _ phase: Phase,
    _ body: (Phase, PricedStep, _ times: Double) -> Void
  ) {
    let first = group.first!
    let times = Double(first.count)
    let tokens = group.reduce(0) { $0 + $1.sequences * $1.new }
    forEachSize(tokens, of: group.count, areAlike: group.count == 1, spacing: 128) {
      tokens, weight in
      body(
        phase,
        .besideAttention(
          sequences: first.sequences, tokens: tokens,
          logitsRows: first.isLast ? first.sequences : 0), weight * times)
    }
    forEachGaussPoint(group.count) { place, weight in
      let index = min(group.count - 1, max(0, Int(place.rounded())))
      let prefill = group[group.startIndex + index]
      body(
        phase,
        .attention(sequences: prefill.sequences, cached: prefill.cached, new: prefill.new),
        weight * times)
    }
  }

  private func price(
    _ stretch: ArraySlice<Decode>, _ body: (Phase, PricedStep, _ times: Double) -> Void
  ) {
    let times = Double(stretch.first!.count)
    let steps = stretch.reduce(0) { $0 + $1.steps }
    let sequences = stretch.reduce(0) { $0 + $1.steps * $1.sequences }
    forEachSize(sequences, of: steps, areAlike: stretch.count == 1, spacing: 16) {
      sequences, weight in
      body(
        .decode,
        .besideAttention(sequences: sequences, tokens: sequences, logitsRows: sequences),
        weight * times)
    }
    forEachGaussPoint(steps) { place, weight in
      var step = place
      var index = stretch.startIndex
      while index + 1 < stretch.endIndex, step >= Double(stretch[index].steps) {
        step -= Double(stretch[index].steps)
        index += 1
      }
      let context = max(1, Int((stretch[index].firstContext + step).rounded()))
      body(
        .decode, .attention(sequences: stretch[index].sequences, cached: context - 1, new: 1),
        weight * times)
    }
  }

  /// Sizes that stand for `count` parts of `total` together, and for how many each: their own where
  /// all are alike, else two beside the mean, which architectures and workloads share.
  ///
  /// These stand half a spacing off its multiples: those are sizes of whole tiles, the cheapest,
  /// while the last tile of sizes at random is half full.
  private func forEachSize(
    _ total: Int, of count: Int, areAlike: Bool, spacing: Int,
    _ body: (_ size: Int, _ weight: Double) -> Void
  ) {
    let mean = Double(total) / Double(count)
    let half = spacing / 2
    guard !areAlike, mean >= Double(half) else {
      body(Int(mean.rounded()), Double(count))
      return
    }
    let low = (Int(mean) - half) / spacing * spacing + half
    let share = (mean - Double(low)) / Double(spacing)
    body(low, (1 - share) * Double(count))
    body(low + spacing, share * Double(count))
  }

  /// Places in 0 ..< count at which a smooth function is computed for its sum, and how many each
  /// stands for: all where they are few, else Gauss-Legendre's three.
  private func forEachGaussPoint(
    _ count: Int, _ body: (_ place: Double, _ weight: Double) -> Void
  ) {
    guard count > 3 else {
      for place in 0..<count { body(Double(place), 1) }
      return
    }
    let middle = Double(count - 1) / 2
    let offset = 0.774_596_669_241_483_4 * Double(count) / 2  // √(3/5) of the half width
    body(middle - offset, Double(count) * 5 / 18)
    body(middle, Double(count) * 8 / 18)
    body(middle + offset, Double(count) * 5 / 18)
  }
}

extension ServingSchedule.Prefill {
  /// Whether `next` may be of a group that begins with this one: prompts of sequences computed again,
  /// whose lengths fall evenly.
  fileprivate func isAlike(_ next: ServingSchedule.Prefill) -> Bool {
    sequences == next.sequences && cached == next.cached && count == 1 && next.count == 1
      && isLast == next.isLast && next.new <= new && 4 * next.new >= 3 * new
  }
}
