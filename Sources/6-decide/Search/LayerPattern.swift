import Model

/// In what the layers of a candidate differ from one another.
///
/// Each shape holds one: it is plain and small, and two that make the same layers are equal.
public struct LayerPattern: Hashable, Sendable, BitwiseCopyable {
  /// Layers without attention, in the middle: whole layers, then these, then whole ones again
  /// (ShishuLM, arXiv 2510.13860).
  public private(set) var attentionFree = 0
  /// Of these, the second ones of neighbouring pairs, which use the weights of the first.
  public private(set) var shared = 0
  /// Positions that a layer with a window sees; 0 where no layer has one.
  public private(set) var window = 0
  /// Of the layers with attention, so many with a window are followed by so many that see all, over
  /// and over, as Gemma 3 orders them (arXiv 2503.19786); 0 that see all: each has a window.
  public private(set) var local = 0
  public private(set) var global = 0

  /// All layers alike, each seeing all positions.
  public init() {}

  /// - Parameter layers: of the candidate; at least one keeps its attention.
  init(attentionFree: Int, windows: WindowPattern, sharesPairs: Bool, layers: Int) {
    self.attentionFree = attentionFree
    shared = sharesPairs ? attentionFree / 2 : 0
    guard windows.window > 0 else { return }
    let attending = layers - attentionFree
    window = windows.window
    // What does not occur is not told apart.
    let hasGlobal = windows.global > 0 && windows.local < attending
    local = hasGlobal ? windows.local : attending
    global = hasGlobal ? min(windows.global, attending - windows.local) : 0
  }

  /// What there is in `layers`; of other orders than those made here, how often it is there.
  public init(_ layers: LayerStack) {
    if layers.kinds.count == 1, !layers.sharesWeights {
      guard let attention = layers.kinds[0].attention else {
        attentionFree = layers.count
        return
      }
      if let window = attention.window { (self.window, local) = (window, layers.count) }
      return
    }
    shared = layers.count - layers.ownCounts.reduce(0, +)
    let attending = layers.compactMap(\.attention)
    attentionFree = layers.count - attending.count
    guard let window = attending.lazy.compactMap(\.window).first else { return }
    self.window = window
    local = attending.prefix { $0.window != nil }.count
    global = attending.dropFirst(local).prefix { $0.window == nil }.count
  }

  /// So many layers, made of `layer`.
  func layers(_ count: Int, of layer: Layer) -> LayerStack {
    var (whole, windowed, free) = (layer, layer, layer)
    whole.attention?.window = nil
    windowed.attention?.window = window
    free.attention = nil
    let front = (count - attentionFree + 1) / 2
    var sharing: [Int: Int] = [:]
    let layers = (0..<count).map { index -> Layer in
      let place = index - front
      if (0..<attentionFree).contains(place) {
        if shared > 0, place % 2 == 1 { sharing[index] = index - 1 }
        return free
      }
      let attending = place < 0 ? index : index - attentionFree
      return window > 0 && attending % (local + global) < local ? windowed : whole
    }
    return LayerStack(layers, sharing: sharing)
  }

  /// `free8`, `w512x5:1` and `pairs`, as far as they are so; `w512` where all layers have the window.
  public var words: [String] {
    var words: [String] = []
    if attentionFree > 0 { words.append("free\(attentionFree)") }
    if window > 0 { words.append("w\(window)" + (global > 0 ? "x\(local):\(global)" : "")) }
    if shared > 0 { words.append("pairs") }
    return words
  }
}
