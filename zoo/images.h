#pragma once
#include <lilith/data.h>

#include <string>

#include "registry.h"

namespace lilith::zoo {

/// Photographs by class, those to train on changed at random as they are read.
struct ImageData {
  data::Dataset<2> train, test;
  std::int64_t classes, side;  // pixels of what the model is given
  std::string name;
};

/// Where `folder` is empty, drawn digits in three channels, 32 x 32. Else `folder`/train and
/// `folder`/test (or val), each an ImageFolder. Images of at most 64 pixels, all of one size: moved
/// by up to an eighth and mirrored, in the colours of CIFAR-10. Others: crops of 224 x 224 as for
/// ImageNet. Says on stderr what was found. Errors: a folder that is missing, other classes in the
/// two.
ImageData load_images(const std::string& folder, std::uint64_t seed);

}  // namespace lilith::zoo
